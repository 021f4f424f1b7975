#define _GNU_SOURCE
#include "clinux.h"
#include <fcntl.h>
#include <link.h>
#include <linux/magic.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

int clinux_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int clinux_signalfd(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++) sigaddset(&set, signals[i]);
    if (pthread_sigmask(SIG_BLOCK, &set, 0) != 0) return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int clinux_next_signal(int descriptor) {
    struct signalfd_siginfo info;
    return read(descriptor, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

void clinux_name_thread(pthread_t thread, const char *name) { pthread_setname_np(thread, name); }

int clinux_unsent(int terminal) {
    int count = 0;
    return ioctl(terminal, TIOCOUTQ, &count) == 0 ? count : -1;
}

int clinux_exclusive(int terminal) { return ioctl(terminal, TIOCEXCL); }

int clinux_is_pseudo_terminal(int terminal) {
    struct stat status;
    // Unix98 pseudo-terminals have the major device numbers 136 to 143.
    return fstat(terminal, &status) == 0 && major(status.st_rdev) >= 136 && major(status.st_rdev) <= 143;
}

int clinux_accept(int listener) { return accept4(listener, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK); }

long long clinux_taken(int socket) {
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    int waiting = 0;
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 || ioctl(socket, FIONREAD, &waiting) < 0) return -1;
    return (long long)info.tcpi_bytes_received - waiting;
}

long clinux_send(int to, const char *text, unsigned long size, int descriptor) {
    struct iovec part = {.iov_base = (void *)text, .iov_len = size};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    }
    return sendmsg(to, &message, MSG_NOSIGNAL);
}

int clinux_open_path(int directory, const char *name) { return openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC); }

int clinux_is_in_memory(int folder) {
    struct statfs system;
    return fstatfs(folder, &system) == 0 && (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC);
}

int clinux_bundle(void) { return epoll_create1(EPOLL_CLOEXEC); }

int clinux_bundle_add(int bundle, int descriptor) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    return epoll_ctl(bundle, EPOLL_CTL_ADD, descriptor, &event);
}

int clinux_bundle_remove(int bundle, int descriptor) { return epoll_ctl(bundle, EPOLL_CTL_DEL, descriptor, 0); }

clinux_ready clinux_bundle_wait(int bundle, int milliseconds) {
    static _Thread_local struct epoll_event event;
    int found = (int)syscall(SYS_epoll_pwait, bundle, &event, 1, milliseconds, NULL, 0);
    if (found <= 0) return (clinux_ready){-1, 0};
    return (clinux_ready){event.data.fd, (event.events & EPOLLIN) != 0};
}

long clinux_overwrite(int descriptor, const void *bytes, unsigned long size) {
    return syscall(SYS_pwrite64, descriptor, bytes, size, 0L);
}

static int forget(struct dl_phdr_info *object, size_t size, void *context) {
    (void)size;
    (void)context;
    unsigned long page = sysconf(_SC_PAGESIZE);
    // The vDSO, which the kernel provides, has no file.
    if (strncmp(object->dlpi_name, "linux-vdso", 10) == 0) return 0;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        // Writable pages may differ from their file.
        if (part->p_type != PT_LOAD || part->p_flags & PF_W) continue;
        unsigned long begin = (object->dlpi_addr + part->p_vaddr) & ~(page - 1);
        unsigned long end = (object->dlpi_addr + part->p_vaddr + part->p_filesz) & ~(page - 1);
        if (end > begin) madvise((void *)begin, end - begin, MADV_DONTNEED);
    }
    return 0;
}

void clinux_forget_code(void) { dl_iterate_phdr(forget, 0); }

// Ends the process with a message and exit status 1 if a resource limit leaves too little memory. It runs before the constructors of the
// Swift runtime, which would end the process with a signal.
__attribute__((constructor(101))) static void require_memory(void) {
    static const struct {
        int resource;
        unsigned long megabytes;
        const char *name;
        char option;
    } floors[] = {{RLIMIT_AS, 96, "address space", 'v'}, {RLIMIT_DATA, 32, "data segment", 'd'}, {RLIMIT_STACK, 1, "stack", 's'}};
    for (unsigned i = 0; i < sizeof floors / sizeof *floors; i++) {
        struct rlimit limit;
        if (getrlimit(floors[i].resource, &limit) != 0 || limit.rlim_cur >= floors[i].megabytes << 20) continue;
        char words[200];
        int length = snprintf(
            words, sizeof words, "jouled: can't start: the %s is limited to %lu MB, and jouled needs %lu MB: ulimit -%c\n", floors[i].name,
            (unsigned long)(limit.rlim_cur >> 20), floors[i].megabytes, floors[i].option);
        long written = write(STDERR_FILENO, words, (size_t)length);
        (void)written;
        _exit(1);
    }
}
