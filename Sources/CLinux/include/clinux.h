// What glibc's Swift module lacks: descriptors for wake-ups and signals, thread names, terminal requests.
#pragma once
// The raw system calls require 64 bits, and so does passing sizes and times in one register.
#if __SIZEOF_POINTER__ != 8
#error "jouled needs a 64-bit system: on a Raspberry Pi, Raspberry Pi OS (64-bit)"
#endif
#include <pthread.h>
#include <signal.h>

// Creates a counter for waking an event loop: non-blocking, closed on exec. Returns -1 and errno on failure.
int clinux_eventfd(void);

// Blocks the signals for this thread and the threads that it starts. Returns a descriptor that is readable while a signal is pending.
int clinux_signalfd(const int *signals, int count);
// Takes the next pending signal; 0 if there is none.
int clinux_next_signal(int descriptor);

void clinux_name_thread(pthread_t thread, const char *name);

// The number of bytes written to the terminal that have not been sent yet; -1 on failure.
int clinux_unsent(int terminal);
// Prevents other processes from opening the terminal while this one has it open.
int clinux_exclusive(int terminal);
// Whether the terminal is a pseudo-terminal, which has no framing.
int clinux_is_pseudo_terminal(int terminal);

// Accepts the next client of a listening socket. The client's descriptor is non-blocking and closed on exec. -1 and errno on failure.
int clinux_accept(int listener);

// The number of bytes that have arrived over a TCP connection and have been read; -1 on failure.
long long clinux_taken(int socket);

// Sends one datagram, and passes `descriptor` with it unless that is negative.
long clinux_send(int to, const char *text, unsigned long size, int descriptor);
// Opens a directory entry without following a symbolic link, only to identify it and not to read it. -1 and errno on failure.
int clinux_open_path(int directory, const char *name);
// Whether the folder is in memory, so that its files are lost at power-off and writing never waits for a disk.
int clinux_is_in_memory(int folder);

// Combines many descriptors into one, which is readable while one of them is readable or has failed. -1 and errno on failure.
int clinux_bundle(void);
int clinux_bundle_add(int bundle, int descriptor);
int clinux_bundle_remove(int bundle, int descriptor);
typedef struct {
    // -1 if no descriptor is ready.
    int descriptor;
    // 1 if the descriptor is readable, 0 if it has failed.
    int is_readable;
} clinux_ready;
// Returns one descriptor that is ready. If none is, waits for up to `milliseconds`, or forever if negative. If several descriptors are
// always ready, they take turns.
clinux_ready clinux_bundle_wait(int bundle, int milliseconds);

// Overwrites the beginning of a file. Called at every edge, like `clinux_bundle_wait`. Both are raw system calls, because the C library's
// handling of thread cancellation would cost more than everything else on this path, and no thread is ever cancelled.
long clinux_overwrite(int descriptor, const void *bytes, unsigned long size);

// Releases the memory pages of code and constants, most of which are only used during startup. If a page is needed again, the kernel
// reloads it from its file.
void clinux_forget_code(void);
