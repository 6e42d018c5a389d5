// Links of ports and states of bonds' members: what changes is logged, and told to those who
// listen. Belongs to the control thread.
#pragma once

struct gateway;
struct links;

// Says nothing of how they are now. 0 or -errno.
int links_create(const struct gateway *gateway, struct links **created);
// NULL is fine.
void links_destroy(struct links *links);
// Looks what has changed since the last time.
void links_look(struct links *links);
