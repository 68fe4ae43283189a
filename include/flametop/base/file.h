/* Small files: read whole, written atomically. */
#ifndef FLAMETOP_BASE_FILE_H
#define FLAMETOP_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "flametop/base/str.h"

/* Reads from an open descriptor at offset 0 (pread) until EOF or size - 1, and ends it with NUL.
 * Answers the length or a negative errno. For kept /proc descriptors: fresh data every time. */
ssize_t file_pread(int fd, char *dst, size_t size);

/* The same, but a first read that brings less than 1 KiB is the whole: the read that would find the
 * end is saved. True of files whose records are shorter than 3 KiB, as the kernel fills a page of
 * records at a time. */
ssize_t file_pread_brief(int fd, char *dst, size_t size);

/* The same with one read, for a kept file of a single short record: the read that finds the end is
 * saved. `size` is at least 2. */
ssize_t file_pread_once(int fd, char *dst, size_t size);

/* Opens `path` relative to `dir_fd` (AT_FDCWD for none), reads and closes it; otherwise as
 * file_pread. */
ssize_t file_read_at(int dir_fd, const char *path, char *dst, size_t size);

/* The same as file_pread_brief. */
ssize_t file_read_brief_at(int dir_fd, const char *path, char *dst, size_t size);

/* Reads a whole file into fresh memory, ended with NUL. -EFBIG above bytes_max, otherwise a
 * negative errno. */
ssize_t file_load(const char *path, size_t bytes_max, char **ret_data);

/* Writes next to `path` and renames over it, so that a reader sees the old or the new and a failure
 * leaves the old; what is no regular file (a device, a FIFO) is written to, and a symbolic link is
 * followed: one that leads nowhere is -ENOENT. Answers 0 or a negative errno. */
int file_write_atomic(const char *path, const void *data, size_t n, unsigned mode);

/* Whether that is likely to succeed now, for before long work: 0 or a negative errno. Nothing is
 * written. */
int file_may_write(const char *path);

#endif
