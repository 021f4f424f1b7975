// Generates S0 pulses on lines of gpio-sim, with contact bounce and spikes between them, and prints their number.
//
//   pulses [--seed N] [--pulses N | --seconds N] [--rate N] [--bounce PERCENT] PULL…
//
// PULL is the file `pull` of a line; a + before it makes the line active high. --pulses and --rate apply to each line; without a
// rate the spacing is random within the limits of S0: at least 30 ms on and 30 ms off. After SIGTERM it completes the current pulses.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MICROSECOND 1000LL
#define MILLISECOND (1000 * MICROSECOND)
#define SECOND (1000 * MILLISECOND)
#define MOST_LINES 64
// A pulse, with two bursts of bounce and a spike.
#define MOST_EDGES 64

typedef struct {
    int64_t at;
    int is_active;
} edge;

typedef struct {
    int file, is_active_high;
    edge edges[MOST_EDGES];
    int count, next;
    int64_t rest_until;
    long pulses;
} line;

static uint64_t seed = 1;
static long wanted = -1;
static int64_t seconds = -1;
static long rate;
static uint64_t bounce;
static line lines[MOST_LINES];
static int line_count;
static volatile sig_atomic_t is_over;

static uint64_t draw(void) { // splitmix64
    uint64_t z = seed += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

static int64_t between(int64_t least, int64_t most) { return least + (int64_t)(draw() % (uint64_t)(most - least + 1)); }

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static void sleep_until(int64_t at) {
    struct timespec time = {.tv_sec = at / SECOND, .tv_nsec = at % SECOND};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {}
}

// The level changes, possibly after some bounce. Returns when it is stable.
static int64_t change(line *line, int64_t at, int is_active) {
    int contacts = draw() % 100 < bounce ? (int)between(1, 4) : 0;
    for (int i = 0; i < contacts; i++) {
        line->edges[line->count++] = (edge){at, is_active};
        at += between(50 * MICROSECOND, 2 * MILLISECOND);
        line->edges[line->count++] = (edge){at, !is_active};
        at += between(50 * MICROSECOND, 2 * MILLISECOND);
    }
    line->edges[line->count++] = (edge){at, is_active};
    return at;
}

static void plan_pulse(line *line, int64_t at) {
    int64_t on = rate ? SECOND / rate / 2 : between(30 * MILLISECOND, 90 * MILLISECOND);
    int64_t off = rate ? SECOND / rate - on : between(30 * MILLISECOND, draw() % 16 == 0 ? SECOND : 120 * MILLISECOND);
    int64_t begin = at;
    line->count = line->next = 0;
    at = change(line, at, 1);
    at = change(line, rate ? begin + on : at + on, 0);
    if (!rate && draw() % 100 < bounce / 4) { // a spike while the line is at rest
        at += 30 * MILLISECOND;
        line->edges[line->count++] = (edge){at, 1};
        at += between(20 * MICROSECOND, 5 * MILLISECOND);
        line->edges[line->count++] = (edge){at, 0};
    }
    line->rest_until = rate ? begin + on + off : at + off;
    line->pulses++;
}

static void set(const line *line, int is_active) {
    const char *text = is_active == line->is_active_high ? "pull-up" : "pull-down";
    if (pwrite(line->file, text, strlen(text), 0) < 0) {
        perror("pulses: pull");
        exit(1);
    }
}

// Later edges keep their distance from a late one, so that no pulse becomes too short.
static void postpone(line *line, int64_t delay) {
    for (int i = line->next; i < line->count; i++) line->edges[i].at += delay;
    line->rest_until += delay;
}

static line *earliest(void) {
    line *first = NULL;
    for (line *line = lines; line < lines + line_count; line++)
        if (line->next < line->count && (!first || line->edges[line->next].at < first->edges[first->next].at)) first = line;
    return first;
}

static void play(void) {
    int64_t end = INT64_MAX, begin = now();
    // Only where time advances on its own: not in the lab's fast time.
    int may_be_late = now() != now();
    line *line;
    if (seconds >= 0) end = begin + seconds * SECOND;
    for (line = lines; wanted != 0 && line < lines + line_count; line++)
        plan_pulse(line, begin + between(30 * MILLISECOND, 90 * MILLISECOND));
    while ((line = earliest())) {
        edge edge = line->edges[line->next++];
        sleep_until(edge.at);
        set(line, edge.is_active);
        if (may_be_late) postpone(line, now() - edge.at);
        if (line->next < line->count || is_over || line->pulses == wanted || line->rest_until >= end) continue;
        plan_pulse(line, line->rest_until);
    }
    // Completes the last pause.
    sleep_until(now() + 60 * MILLISECOND);
}

static void stop(int signal) {
    (void)signal;
    is_over = 1;
}

static void add_line(const char *path) {
    line *line = &lines[line_count++];
    if (line_count > MOST_LINES) exit(64);
    line->is_active_high = *path == '+';
    line->file = open(path + line->is_active_high, O_WRONLY | O_CLOEXEC);
    if (line->file < 0) {
        perror(path);
        exit(1);
    }
}

int main(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        if (strncmp(arguments[i], "--", 2) != 0) {
            add_line(arguments[i]);
            continue;
        }
        if (i + 1 >= count) return 64;
        long value = atol(arguments[i + 1]);
        if (strcmp(arguments[i], "--seed") == 0) seed = (uint64_t)value;
        else if (strcmp(arguments[i], "--pulses") == 0) wanted = value;
        else if (strcmp(arguments[i], "--seconds") == 0) seconds = value;
        else if (strcmp(arguments[i], "--rate") == 0) rate = value;
        else if (strcmp(arguments[i], "--bounce") == 0) bounce = (uint64_t)value;
        else return 64;
        i++;
    }
    signal(SIGTERM, stop);
    play();
    for (int i = 0; i < line_count; i++) printf("%ld ", lines[i].pulses);
    printf("\n");
    return 0;
}
