// Keys come over the control socket: what JSON and libevent keep of a message is wiped when they
// give it back.
#pragma once

// Before either is used.
void wiped_memory_install(void);
