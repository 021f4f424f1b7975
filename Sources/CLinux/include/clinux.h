// What glibc's Swift module leaves out: descriptors for wake-ups and signals, thread names, terminal requests.
#pragma once
// Raw system calls, and sizes and times in one register.
#if __SIZEOF_POINTER__ != 8
#error "jouled needs a 64-bit system: on a Raspberry Pi, Raspberry Pi OS (64-bit)"
#endif
#include <pthread.h>
#include <signal.h>

// A counter to wake a loop by: non-blocking, closed on exec. -1 and errno on failure.
int clinux_eventfd(void);

// Blocks the signals for this and all threads started later, and gives a descriptor that each of them makes readable.
int clinux_signalfd(const int *signals, int count);
// The next signal that waits there, or 0.
int clinux_next_signal(int descriptor);

void clinux_name_thread(pthread_t thread, const char *name);

// Bytes that were handed to the terminal and are not sent yet; -1 on failure.
int clinux_unsent(int terminal);
// Nobody else may open the terminal while it is open.
int clinux_exclusive(int terminal);
// A pseudo-terminal's end: it has no framing.
int clinux_is_pseudo_terminal(int terminal);

// The next client of a listening socket: non-blocking, closed on exec. -1 and errno on failure.
int clinux_accept(int listener);

// The bytes that came over a TCP connection and were read; -1 on failure.
long long clinux_taken(int socket);

// Sends one datagram, and with it a descriptor unless that is negative.
long clinux_send(int to, const char *text, unsigned long size, int descriptor);
// Something in a directory, not to be read but to know what it is; of a symbolic link the link itself. -1 and errno on failure.
int clinux_open_path(int directory, const char *name);
// What is written there is gone with the power, and never waits for a disk.
int clinux_is_in_memory(int folder);

// Many descriptors as one, which is readable while one of them is or has failed. -1 and errno on failure.
int clinux_bundle(void);
int clinux_bundle_add(int bundle, int descriptor);
int clinux_bundle_remove(int bundle, int descriptor);
typedef struct {
    // -1: none is.
    int descriptor;
    // Else it has failed.
    int is_readable;
} clinux_ready;
// One that is; when none is, it waits so long for one, for ever when that is negative. Each has its turn.
clinux_ready clinux_bundle_wait(int bundle, int milliseconds);

// The beginning of a file. At every edge, as is the wait before: both go to the kernel without the C library's care for threads that are
// cancelled, which costs more than all else on that way, and which none is here.
long clinux_overwrite(int descriptor, const void *bytes, unsigned long size);

// Gives back the pages of code and constants; those that are needed again come back from their files. Most were for the start alone.
void clinux_forget_code(void);
