// systemd's RUNTIME_DIRECTORY, as DPDK understands it.
#pragma once

// Leaves one directory where there is a list: the one that the socket lies in, otherwise the first.
// Before DPDK starts, and before there are other threads. 0 or -errno.
int run_directory_choose(const char *socket);
