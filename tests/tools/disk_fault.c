/* A disk that fails, for one process: LD_PRELOAD this library; DISK_FAULT names a file that says how: "full" (writes and growth
 * are ENOSPC), "write" (writes are EIO), "sync" (syncs are EIO), anything else: it works. Only files whose path has DISK_FAULT_OF
 * in it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int concerns(int file) {
    char link[64], path[4096];
    const char *of = getenv("DISK_FAULT_OF");
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0 || !of) return 0;
    path[length] = 0;
    return strstr(path, of) != NULL;
}

static char state(void) {
    static int file = -2;
    if (file == -2) {
        const char *path = getenv("DISK_FAULT");
        file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    }
    char first = 0;
    return file >= 0 && pread(file, &first, 1, 0) == 1 ? first : 0;
}

/* The error of a write, or 0. */
static int write_fails(int file) {
    char now = state();
    if (now != 'f' && now != 'w') return 0;
    if (!concerns(file)) return 0;
    return now == 'f' ? ENOSPC : EIO;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define WRITES(type, name, parameters, arguments) \
    type name parameters { \
        static __typeof__(&name) real; \
        if (!real) real = REAL(name); \
        int error = write_fails(file); \
        if (error) { errno = error; return -1; } \
        return real arguments; \
    }
#define SYNCS(name) \
    int name(int file) { \
        static __typeof__(&name) real; \
        if (!real) real = REAL(name); \
        if (state() == 's' && concerns(file)) { errno = EIO; return -1; } \
        return real(file); \
    }

WRITES(ssize_t, write, (int file, const void *bytes, size_t count), (file, bytes, count))
WRITES(ssize_t, pwrite, (int file, const void *bytes, size_t count, off_t at), (file, bytes, count, at))
WRITES(ssize_t, pwrite64, (int file, const void *bytes, size_t count, off64_t at), (file, bytes, count, at))
WRITES(int, ftruncate, (int file, off_t length), (file, length))
WRITES(int, ftruncate64, (int file, off64_t length), (file, length))
SYNCS(fsync)
SYNCS(fdatasync)
