// Which of its addresses the gateway speaks from, so that what it says can go where it must.
#pragma once

#include "base/addr.h"
#include "dataplane/meta.h"

struct gateway;
struct policy;
struct spd;

// The policy that ICMP from source to destination, of one family, meets on its way out; NULL: none.
const struct policy *icmp_policy(
	const struct spd *spd, const struct ip_addr *source, const struct ip_addr *destination);

// For ICMP to asker. port: towards which an address would be best. tunnel: of ABOUT_TUNNEL. The
// workers judge by the same policies again, when the answer is on its way. false: no address of the
// gateway fits.
bool icmp_source(const struct gateway *gateway, enum meta_about about, uint16_t tunnel,
	uint8_t port, const struct ip_addr *asker, struct ip_addr *source);
