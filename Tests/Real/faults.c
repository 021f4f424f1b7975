// Preloaded into jouled: a disk that hangs, and a process that dies at any of its system calls.
//
// While the file $FAULTS_HANG exists, what changes files waits, and leaves a file $FAULTS_HANG.hung behind.
// $FAULTS_KILL=N: the N-th call that reads, writes or renames is the last; with an even N it is still performed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
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
