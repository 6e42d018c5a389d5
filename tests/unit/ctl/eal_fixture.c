// Starting EAL for a test.
#include "eal_fixture.h"

#include <rte_eal.h>
#include <stdio.h>

struct rte_mempool *eal_fixture_pool(unsigned n, uint16_t private_octets, uint16_t octets)
{
	static const char *const options[] = {"unit-test", "--no-huge", "--no-shconf",
		"--no-telemetry", "--no-pci", "-m", "64", "--lcores", "0@0", "--log-level=error"};
	// EAL sorts and keeps them.
	static char text[sizeof(options) / sizeof(options[0])][32];
	static char *arguments[sizeof(options) / sizeof(options[0]) + 1];
	unsigned count = sizeof(options) / sizeof(options[0]);

	for (unsigned i = 0; i < count; i++) {
		snprintf(text[i], sizeof(text[i]), "%s", options[i]);
		arguments[i] = text[i];
	}
	if (rte_eal_init((int)count, arguments) < 0)
		return NULL;
	return rte_pktmbuf_pool_create("unit-test", n, 0, private_octets, octets, SOCKET_ID_ANY);
}
