// Addresses that tests tell apart by their last octets.
#pragma once

#include "base/addr.h"

static inline struct ip_addr test_address(unsigned last)
{
	return (struct ip_addr){IP_V4, {192, 0, 2, (uint8_t)last}};
}
