/* Loaded before the C library (ld.so(8), LD_PRELOAD): the time of day jumps, at a moment of the clock that nobody can set.
 *
 *   CLOCK_JUMPS_AT  seconds of CLOCK_MONOTONIC, the same for all processes, from which on the time of day is another
 *   CLOCK_JUMPS_BY  seconds that are added to it then, less than 0 to set it back
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long long jump_s(void) {
    const char *at = getenv("CLOCK_JUMPS_AT"), *by = getenv("CLOCK_JUMPS_BY");
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return at && by && now.tv_sec + now.tv_nsec * 1e-9 >= atof(at) ? atoll(by) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *out) {
    int status = syscall(SYS_clock_gettime, clock, out);
    if (!status && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) out->tv_sec += jump_s();
    return status;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec, out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
