/* Preloaded into a server: what its disk does is what the first word of the file DISK_ORDERS says.
 *
 *   ok      what the system does
 *   hang    a sync does not return before the word is another one
 *   eio     a sync fails
 *   enospc  a write finds no room
 *
 * Only the server's own files are concerned: the database, its WAL, the hard state.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int ordered(const char *word)
{
    char orders[16] = "";
    const char *path = getenv("DISK_ORDERS");
    long file = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0) : -1;

    if (file < 0)
        return 0;
    if (syscall(SYS_read, file, orders, sizeof orders - 1) < 0)
        orders[0] = 0;
    syscall(SYS_close, file);
    return strncmp(orders, word, strlen(word)) == 0;
}

static int concerns(int file)
{
    char link[40], name[1024];
    ssize_t length;

    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    length = readlink(link, name, sizeof name - 1);
    if (length < 0)
        return 0;
    name[length] = 0;
    return strstr(name, "/board.sqlite") != NULL || strstr(name, "/hard-state") != NULL;
}

static int sync_as_ordered(int file, const char *function)
{
    int (*system_call)(int) = dlsym(RTLD_NEXT, function);

    while (ordered("hang") && concerns(file))
        usleep(10000);
    if (ordered("eio") && concerns(file)) {
        errno = EIO;
        return -1;
    }
    return system_call(file);
}

int fsync(int file)
{
    return sync_as_ordered(file, "fsync");
}

int fdatasync(int file)
{
    return sync_as_ordered(file, "fdatasync");
}

static int full(int file)
{
    if (!ordered("enospc") || !concerns(file))
        return 0;
    errno = ENOSPC;
    return 1;
}

ssize_t write(int file, const void *bytes, size_t size)
{
    ssize_t (*system_call)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");

    return full(file) ? -1 : system_call(file, bytes, size);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at)
{
    ssize_t (*system_call)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");

    return full(file) ? -1 : system_call(file, bytes, size, at);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at)
{
    return pwrite64(file, bytes, size, at);
}
