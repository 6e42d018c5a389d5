// Capabilities (capabilities(7)) of the calling thread; the kernel has no others.
#pragma once

// Gives up all but those of the n listed that the thread has, for good. 0 or -errno.
int capabilities_keep(const int *capability, int n);
