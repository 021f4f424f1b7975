#define _GNU_SOURCE
#include "clinux.h"
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
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
    // The Unix98 pseudo-terminals have the device numbers 136 to 143.
    return fstat(terminal, &status) == 0 && major(status.st_rdev) >= 136 && major(status.st_rdev) <= 143;
}

int clinux_accept(int listener) { return accept4(listener, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK); }
