/*
 * Stands between a program and the C library, and writes down in order what the program does to the files below one
 * folder: what is written where, which names are made, changed and removed, what is synced. It can also make the Nth
 * of these calls fail. What the log means is read in `recording.rs`.
 *
 *   LIFEBOAT_RECORD_HOME    the folder
 *   LIFEBOAT_RECORD_LOG     where the log goes
 *   LIFEBOAT_RECORD_ACKS    a file whose lines go into the log too: what the program has acknowledged
 *   LIFEBOAT_RECORD_SYNCS   "swallowed": syncs are answered with success and not done
 *   LIFEBOAT_FAIL_AT        which call fails, counted from 1
 *   LIFEBOAT_FAIL_WITH      enospc, full (that call and every later one), eio, sync, short, eintr;
 *                           kill (a sync fails and the program is killed)
 *
 * One lock around each call and its record: the log's order is the order in which things happened.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST_FILES 8192

struct header {
    uint64_t kind, id, offset, first, second;
};

/* What an open file is to us. */
enum { OTHER = 0, BELOW = 1, ACKS = 2 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int begun;
static int log_file = -1;
static char home[PATH_MAX], acks[PATH_MAX];
static size_t home_length;
static int swallow;
static long fail_at, calls;
static char fail_with[16];
static struct {
    int what;
    uint64_t id;
} files[MOST_FILES];

static void begin(void) {
    if (begun) return;
    begun = 1;
    const char *value = getenv("LIFEBOAT_RECORD_HOME");
    if (!value) return;
    snprintf(home, sizeof home, "%s", value);
    home_length = strlen(home);
    if ((value = getenv("LIFEBOAT_RECORD_ACKS"))) snprintf(acks, sizeof acks, "%s", value);
    if ((value = getenv("LIFEBOAT_RECORD_SYNCS"))) swallow = strcmp(value, "swallowed") == 0;
    if ((value = getenv("LIFEBOAT_FAIL_AT"))) fail_at = atol(value);
    if ((value = getenv("LIFEBOAT_FAIL_WITH"))) snprintf(fail_with, sizeof fail_with, "%s", value);
    if ((value = getenv("LIFEBOAT_RECORD_LOG")))
        log_file = (int)syscall(SYS_openat, AT_FDCWD, value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void put(const void *bytes, size_t length) {
    const char *at = bytes;
    while (length > 0) {
        long done = syscall(SYS_write, log_file, at, length);
        if (done <= 0) abort();
        at += done, length -= (size_t)done;
    }
}

static void note(char kind, uint64_t id, uint64_t offset, const void *first, size_t first_length, const char *second) {
    if (log_file < 0) return;
    int kept = errno;
    struct header header = {(uint64_t)kind, id, offset, first_length, second ? strlen(second) : 0};
    put(&header, sizeof header);
    put(first, first_length);
    if (second) put(second, header.second);
    errno = kept;
}

/* The path below the folder, "" for the folder itself; nothing when it is elsewhere. */
static const char *below(const char *path) {
    if (!path || !home_length || strncmp(path, home, home_length) != 0) return NULL;
    if (path[home_length] == 0) return path + home_length;
    return path[home_length] == '/' ? path + home_length + 1 : NULL;
}

static int is(const char *with) { return strcmp(fail_with, with) == 0; }

/* Whether this call is the one that fails. */
static int fails(const char *call) {
    calls++;
    int now = fail_at > 0 && (calls == fail_at || (is("full") && calls > fail_at));
    if (now) note('X', (uint64_t)calls, 0, call, strlen(call), NULL);
    return now;
}

static int full_or_broken(void) { return is("enospc") || is("full") ? ENOSPC : is("eio") ? EIO : 0; }

/* Whether a call that takes space or changes a name fails; sets the error. */
static int change_fails(const char *call) {
    if (!full_or_broken() || !fails(call)) return 0;
    errno = full_or_broken();
    return 1;
}

static int what(int file) { return file >= 0 && file < MOST_FILES ? files[file].what : OTHER; }

static long opened(int folder, const char *path, int flags, mode_t mode) {
    pthread_mutex_lock(&lock);
    begin();
    const char *name = folder == AT_FDCWD || (path && path[0] == '/') ? below(path) : NULL;
    int made = name && (flags & O_CREAT) && syscall(SYS_faccessat, AT_FDCWD, path, F_OK, 0) != 0;
    errno = 0;
    long file = made && change_fails("open") ? -1 : syscall(SYS_openat, folder, path, flags, mode);
    if (file >= 0 && file < MOST_FILES) {
        files[file].what = OTHER;
        struct stat about;
        if (acks[0] && path && strcmp(path, acks) == 0) {
            files[file].what = ACKS;
        } else if (name && fstat((int)file, &about) == 0) {
            files[file].what = BELOW;
            files[file].id = about.st_ino;
            if (made) note('C', about.st_ino, 0, name, strlen(name), NULL);
            else if (S_ISDIR(about.st_mode)) note('D', about.st_ino, 0, name, strlen(name), NULL);
            else if (flags & O_TRUNC) note('T', about.st_ino, 0, "", 0, NULL);
        }
    }
    pthread_mutex_unlock(&lock);
    return file;
}

#define OPEN(name)                                              \
    int name(const char *path, int flags, ...) {                \
        va_list rest;                                           \
        va_start(rest, flags);                                  \
        mode_t mode = (mode_t)va_arg(rest, int);                \
        va_end(rest);                                           \
        return (int)opened(AT_FDCWD, path, flags, mode);        \
    }
#define OPENAT(name)                                            \
    int name(int folder, const char *path, int flags, ...) {    \
        va_list rest;                                           \
        va_start(rest, flags);                                  \
        mode_t mode = (mode_t)va_arg(rest, int);                \
        va_end(rest);                                           \
        return (int)opened(folder, path, flags, mode);          \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int close(int file) {
    pthread_mutex_lock(&lock);
    if (file >= 0 && file < MOST_FILES) files[file].what = OTHER;
    int answer = (int)syscall(SYS_close, file);
    pthread_mutex_unlock(&lock);
    return answer;
}

/* A write at an offset, or where the file stands when the offset is negative. */
static ssize_t written(int file, const void *bytes, size_t length, off_t offset) {
    int kind = what(file);
    if (kind == OTHER)
        return offset < 0 ? syscall(SYS_write, file, bytes, length) : syscall(SYS_pwrite64, file, bytes, length, offset);
    pthread_mutex_lock(&lock);
    if (kind == BELOW) {
        if (change_fails("write")) {
            pthread_mutex_unlock(&lock);
            return -1;
        }
        if (is("eintr") && fails("write")) {
            pthread_mutex_unlock(&lock);
            errno = EINTR;
            return -1;
        }
        if (length > 1 && is("short") && fails("write")) length /= 2;
    }
    off_t at = offset;
    if (at < 0) {
        struct stat about;
        int append = (fcntl(file, F_GETFL) & O_APPEND) != 0;
        at = append && fstat(file, &about) == 0 ? about.st_size : (off_t)syscall(SYS_lseek, file, 0, SEEK_CUR);
    }
    ssize_t done = offset < 0 ? syscall(SYS_write, file, bytes, length) : syscall(SYS_pwrite64, file, bytes, length, offset);
    if (done > 0) note(kind == ACKS ? 'A' : 'W', files[file].id, (uint64_t)at, bytes, (size_t)done, NULL);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int file, const void *bytes, size_t length) { return written(file, bytes, length, -1); }
ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) { return written(file, bytes, length, offset); }
ssize_t pwrite64(int file, const void *bytes, size_t length, off_t offset) {
    return written(file, bytes, length, offset);
}

/* Whoever writes several pieces at once is content with the first being written. */
ssize_t writev(int file, const struct iovec *pieces, int count) {
    if (what(file) == OTHER) return syscall(SYS_writev, file, pieces, count);
    for (int piece = 0; piece < count; piece++)
        if (pieces[piece].iov_len > 0) return written(file, pieces[piece].iov_base, pieces[piece].iov_len, -1);
    return 0;
}

/* Copies that never pass through the program cannot be written down: it is told to copy by reading and writing. */
ssize_t copy_file_range(int from, off_t *at, int to, off_t *into, size_t length, unsigned flags) {
    if (what(to) == OTHER) return syscall(SYS_copy_file_range, from, at, to, into, length, flags);
    errno = ENOSYS;
    return -1;
}

static ssize_t sent(int to, int from, off_t *at, size_t length) {
    if (what(to) == OTHER) return syscall(SYS_sendfile, to, from, at, length);
    errno = ENOSYS;
    return -1;
}

ssize_t sendfile(int to, int from, off_t *at, size_t length) { return sent(to, from, at, length); }
ssize_t sendfile64(int to, int from, off_t *at, size_t length) { return sent(to, from, at, length); }

static int resized(int file, off_t length) {
    if (what(file) != BELOW) return (int)syscall(SYS_ftruncate, file, length);
    pthread_mutex_lock(&lock);
    int answer = change_fails("ftruncate") ? -1 : (int)syscall(SYS_ftruncate, file, length);
    if (answer == 0) note('T', files[file].id, (uint64_t)length, "", 0, NULL);
    pthread_mutex_unlock(&lock);
    return answer;
}

int ftruncate(int file, off_t length) { return resized(file, length); }
int ftruncate64(int file, off_t length) { return resized(file, length); }

static int reserved(int file, int mode, off_t offset, off_t length) {
    if (what(file) != BELOW) return (int)syscall(SYS_fallocate, file, mode, offset, length);
    pthread_mutex_lock(&lock);
    int answer = change_fails("fallocate") ? -1 : (int)syscall(SYS_fallocate, file, mode, offset, length);
    if (answer == 0 && mode == 0) note('L', files[file].id, (uint64_t)(offset + length), "", 0, NULL);
    pthread_mutex_unlock(&lock);
    return answer;
}

int fallocate(int file, int mode, off_t offset, off_t length) { return reserved(file, mode, offset, length); }
int fallocate64(int file, int mode, off_t offset, off_t length) { return reserved(file, mode, offset, length); }
int posix_fallocate(int file, off_t offset, off_t length) { return reserved(file, 0, offset, length) == 0 ? 0 : errno; }
int posix_fallocate64(int file, off_t offset, off_t length) {
    return reserved(file, 0, offset, length) == 0 ? 0 : errno;
}

static int synced(int file, long number) {
    if (what(file) != BELOW) return (int)syscall(number, file);
    pthread_mutex_lock(&lock);
    int answer = 0;
    if ((is("sync") || is("kill")) && fails("sync")) {
        /* The pages that were to be written are clean now, and not on disk. */
        note('F', files[file].id, 0, "", 0, NULL);
        if (is("kill")) raise(SIGKILL);
        errno = EIO;
        answer = -1;
    } else if (!swallow) {
        answer = (int)syscall(number, file);
        if (answer == 0) note('S', files[file].id, 0, "", 0, NULL);
    }
    pthread_mutex_unlock(&lock);
    return answer;
}

int fsync(int file) { return synced(file, SYS_fsync); }
int fdatasync(int file) { return synced(file, SYS_fdatasync); }

int rename(const char *from, const char *to) {
    pthread_mutex_lock(&lock);
    begin();
    const char *before = below(from), *after = below(to);
    int answer = (before || after) && change_fails("rename")
                     ? -1
                     : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (answer == 0 && before && after) note('R', 0, 0, before, strlen(before), after);
    pthread_mutex_unlock(&lock);
    return answer;
}

int linkat(int folder, const char *from, int other, const char *to, int flags) {
    pthread_mutex_lock(&lock);
    begin();
    const char *name = below(to);
    struct stat about;
    int answer = name && change_fails("linkat") ? -1 : (int)syscall(SYS_linkat, folder, from, other, to, flags);
    if (answer == 0 && name && stat(to, &about) == 0) note('K', about.st_ino, 0, name, strlen(name), NULL);
    pthread_mutex_unlock(&lock);
    return answer;
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

static int removed(int folder, const char *path, int flags) {
    pthread_mutex_lock(&lock);
    begin();
    const char *name = below(path);
    int answer = name && is("eio") && change_fails("unlink") ? -1 : (int)syscall(SYS_unlinkat, folder, path, flags);
    if (answer == 0 && name) note('U', 0, 0, name, strlen(name), NULL);
    pthread_mutex_unlock(&lock);
    return answer;
}

int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char *path, int flags) { return removed(folder, path, flags); }
int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdir(const char *path, mode_t mode) {
    pthread_mutex_lock(&lock);
    begin();
    const char *name = below(path);
    /* A folder that is there already is not made. */
    int made = name && syscall(SYS_faccessat, AT_FDCWD, path, F_OK, 0) != 0;
    int answer = made && change_fails("mkdir") ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    if (answer == 0 && name) note('M', 0, 0, name, strlen(name), NULL);
    pthread_mutex_unlock(&lock);
    return answer;
}
