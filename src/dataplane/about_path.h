// ICMP about the path of our own tunnel packets: control weighs it, and the kernel does not get it.
// Workers only keep away what cannot be true, so that no flood of it hides what is.
#pragma once

#include "base/addr.h"
#include "dataplane/dataplane.h"
#include "proto/burst.h"

enum about_path {
	ABOUT_PATH_NO,	   // it is something else
	ABOUT_PATH_FORGED, // quotes a packet for a peer and SPI that we send nothing to
	ABOUT_PATH_SHORT,  // does not quote as far as the SPI of every protocol
	ABOUT_PATH_SENT,   // quotes what we may have sent
};

// m: a packet for the gateway itself, from its IP header on.
enum about_path about_path(
	const struct worker *w, const struct rte_mbuf *m, const struct packet *packet);

// Control: these outbound SAs send from now on, and no others. Until it returns, those that did
// before count too.
void about_path_set(struct dataplane *dp, struct sa *const sas[], unsigned n);
