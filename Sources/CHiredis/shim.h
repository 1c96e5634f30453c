#ifndef POND_CHIREDIS_SHIM_H
#define POND_CHIREDIS_SHIM_H

#include <hiredis/hiredis.h>

// The reader keeps its message in an array, which Swift would see as a tuple.
static inline const char *pond_reader_error(const redisReader *reader) { return reader->errstr; }

// The type of the element that the reader waits for, whose type byte it has read already; -1 when it has not.
static inline int pond_reader_type(const redisReader *reader) {
    if (reader->ridx < 0) return -1;
#if HIREDIS_MAJOR == 0
    return reader->rstack[reader->ridx].type;
#else
    return reader->task[reader->ridx]->type;
#endif
}

#endif
