// Preloaded into jouled: a disk that hangs, a GPIO chip that can't set a bias, and a process that is killed at any of its system calls.
//
// While the file $FAULTS_HANG exists, calls that change files block, and create the file $FAULTS_HANG.hung.
// With $FAULTS_BIAS, requests for lines with pull-up, pull-down or no bias fail, as with a chip whose driver can't set one.
// $FAULTS_KILL=N: the process is killed at the N-th call that reads, writes or renames; with an even N the call is still performed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long calls;
static long last;
static char hang[256], hung[256];

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("FAULTS_KILL"), *path = getenv("FAULTS_HANG");
    if (text) last = atol(text);
    if (!path) return;
    snprintf(hang, sizeof hang, "%s", path);
    snprintf(hung, sizeof hung, "%.200s.hung", path);
}

static void die(void) { kill(getpid(), SIGKILL); }

static int is_last(void) { return last > 0 && atomic_fetch_add(&calls, 1) + 1 == last; }

static void wait_for_disk(void) {
    if (!*hang || access(hang, F_OK) != 0) return;
    close(open(hung, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    while (access(hang, F_OK) == 0) usleep(100000);
}

#define FAULTY(type, name, disk, parameters, ...)                                  \
    type name parameters {                                                         \
        static type(*real) parameters;                                             \
        if (!real) real = (type(*) parameters)dlsym(RTLD_NEXT, #name);             \
        if (disk) wait_for_disk();                                                 \
        if (!is_last()) return real(__VA_ARGS__);                                  \
        if (last % 2 == 0) real(__VA_ARGS__);                                      \
        die();                                                                     \
        return -1;                                                                 \
    }

FAULTY(ssize_t, read, 0, (int file, void *bytes, size_t count), file, bytes, count)
FAULTY(ssize_t, write, 0, (int file, const void *bytes, size_t count), file, bytes, count)
FAULTY(ssize_t, pwrite, 0, (int file, const void *bytes, size_t count, off_t at), file, bytes, count, at)
FAULTY(ssize_t, sendmsg, 0, (int file, const struct msghdr *message, int flags), file, message, flags)
FAULTY(int, fsync, 1, (int file), file)
FAULTY(int, fdatasync, 1, (int file), file)
FAULTY(int, rename, 1, (const char *from, const char *to), from, to)
FAULTY(int, link, 1, (const char *from, const char *to), from, to)
FAULTY(int, unlink, 1, (const char *path), path)
FAULTY(int, renameat, 1, (int of, const char *from, int in, const char *to), of, from, in, to)
FAULTY(int, linkat, 1, (int of, const char *from, int in, const char *to, int how), of, from, in, to, how)
FAULTY(int, unlinkat, 1, (int of, const char *path, int how), of, path, how)

// jouled uses it to read edges and to write its journal.
long syscall(long number, ...) {
    static long (*real)(long, ...);
    if (!real) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    va_list list;
    va_start(list, number);
    long words[6];
    for (int i = 0; i < 6; i++) words[i] = va_arg(list, long);
    va_end(list);
    int ends = (number == SYS_read || number == SYS_pwrite64) && is_last();
    if (ends && last % 2 != 0) die();
    long result = real(number, words[0], words[1], words[2], words[3], words[4], words[5]);
    if (ends) die();
    return result;
}

#define BIAS_1 (GPIOHANDLE_REQUEST_BIAS_PULL_UP | GPIOHANDLE_REQUEST_BIAS_PULL_DOWN | GPIOHANDLE_REQUEST_BIAS_DISABLE)
#define BIAS_2 (GPIO_V2_LINE_FLAG_BIAS_PULL_UP | GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN | GPIO_V2_LINE_FLAG_BIAS_DISABLED)

static int wants_bias(unsigned long request, void *argument) {
    if (request == GPIO_GET_LINEEVENT_IOCTL) return (((struct gpioevent_request *)argument)->handleflags & BIAS_1) != 0;
    if (request != GPIO_V2_GET_LINE_IOCTL) return 0;
    struct gpio_v2_line_config *lines = &((struct gpio_v2_line_request *)argument)->config;
    uint64_t flags = lines->flags;
    for (unsigned i = 0; i < lines->num_attrs; i++)
        if (lines->attrs[i].attr.id == GPIO_V2_LINE_ATTR_ID_FLAGS) flags |= lines->attrs[i].attr.flags;
    return (flags & BIAS_2) != 0;
}

int ioctl(int file, unsigned long request, ...) {
    static int (*real)(int, unsigned long, ...);
    if (!real) real = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (getenv("FAULTS_BIAS") && wants_bias(request, argument)) {
        errno = EINVAL;
        return -1;
    }
    return real(file, request, argument);
}
