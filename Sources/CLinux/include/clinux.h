// What glibc's Swift module lacks: descriptors for wake-ups and signals, thread names, terminal requests.
#pragma once
// Required for raw system calls, and for sizes and times in one register.
#if __SIZEOF_POINTER__ != 8
#error "jouled needs a 64-bit system: on a Raspberry Pi, Raspberry Pi OS (64-bit)"
#endif
#include <pthread.h>
#include <signal.h>

// A counter for waking an event loop: non-blocking, closed on exec. -1 and errno on failure.
int clinux_eventfd(void);

// Blocks the signals for this thread and all threads started later. Returns a descriptor that becomes readable when one is pending.
int clinux_signalfd(const int *signals, int count);
// The next pending signal, or 0.
int clinux_next_signal(int descriptor);

void clinux_name_thread(pthread_t thread, const char *name);

// The number of bytes written to the terminal that have not been sent yet; -1 on failure.
int clinux_unsent(int terminal);
// Prevents others from opening the terminal while it is open.
int clinux_exclusive(int terminal);
// Whether it is a pseudo-terminal, which has no framing.
int clinux_is_pseudo_terminal(int terminal);

// Accepts the next client of a listening socket: non-blocking, closed on exec. -1 and errno on failure.
int clinux_accept(int listener);

// The number of bytes that arrived over a TCP connection and were read; -1 on failure.
long long clinux_taken(int socket);

// Sends one datagram, with a descriptor unless that is negative.
long clinux_send(int to, const char *text, unsigned long size, int descriptor);
// Opens an entry of a directory only to identify it, not to read it; a symbolic link is not followed. -1 and errno on failure.
int clinux_open_path(int directory, const char *name);
// Whether the folder is in memory: its files are lost at power-off, and writing never waits for a disk.
int clinux_is_in_memory(int folder);

// Combines many descriptors into one, which is readable while one of them is readable or has failed. -1 and errno on failure.
int clinux_bundle(void);
int clinux_bundle_add(int bundle, int descriptor);
int clinux_bundle_remove(int bundle, int descriptor);
typedef struct {
    // -1: none is ready.
    int descriptor;
    // Otherwise it has failed.
    int is_readable;
} clinux_ready;
// One descriptor that is ready. If none is, waits up to that many milliseconds, forever if negative. All descriptors get their turn.
clinux_ready clinux_bundle_wait(int bundle, int milliseconds);

// Overwrites the beginning of a file. Called at every edge, like the wait above: both are raw system calls, because the C library's
// handling of thread cancellation would cost more than everything else on this path, and no thread is cancelled here.
long clinux_overwrite(int descriptor, const void *bytes, unsigned long size);

// Releases the pages of code and constants; those that are needed again are reloaded from their files. Most are only used during startup.
void clinux_forget_code(void);
