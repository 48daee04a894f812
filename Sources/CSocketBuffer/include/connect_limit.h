#ifndef HOLDFAST_CONNECT_LIMIT_H
#define HOLDFAST_CONNECT_LIMIT_H

/// Limits how long this thread's connect(2) of an internet socket may block; 0: as ever.
///
/// libmosquitto tries the addresses of a host one after another with a blocking connect(2), and
/// the kernel gives up an address that swallows SYNs after two minutes only. It calls through the
/// dynamic linker, so it finds the `connect` that this target defines for the whole program; in a
/// thread with a limit that one fails with ETIMEDOUT once the time is over, and the library goes
/// on to the next address.
void holdfast_connect_limit_set(int milliseconds);

#endif
