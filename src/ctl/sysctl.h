// The kernel's settings (sysctl) that a gateway depends on.
#pragma once

#include <stdbool.h>

// For a host interface that is not up yet: a host that neither forwards, nor answers for others,
// nor believes its link, since anybody on the wire can send Router Advertisements and redirects.
// What cannot be written is warned of.
void sysctl_close_interface(const char *interface);

// For a host interface on the unprotected side: who asks there for the address of another interface
// gets no answer.
void sysctl_hide_addresses(const char *interface);

// For a host interface on the protected side: packets out of tunnels are not dropped because the
// way back to their source is another interface.
void sysctl_accept_tunnelled(const char *interface);

// For a host interface: neighbours that no longer answer at their MAC address are noticed within 30
// seconds.
void sysctl_watch_neighbours(const char *interface);

// Warns of settings of the whole host that lead packets past the policies; guarded: the host guard
// keeps the kernel from forwarding. How many warnings.
unsigned sysctl_check_host(bool guarded);
