// Fences around packets in sanitizer builds (proto/pkt.h).
#pragma once

#include "proto/pkt.h"

#include <stdbool.h>
#include <stdint.h>

// Nothing beside the packet's data may be touched. Borders before the data are seen to eight
// octets. Without a sanitizer there is no fence, and nothing to be wrong with it.
static inline bool is_fenced(const struct rte_mbuf *m)
{
#ifdef __SANITIZE_ADDRESS__
	const uint8_t *buffer = m->buf_addr;
	uint32_t end = (uint32_t)m->data_off + m->data_len;

	for (uint32_t at = 0; at + 8 <= m->data_off; at += 8) {
		if (!__asan_address_is_poisoned(buffer + at + 7))
			return false;
	}
	for (uint32_t at = end; at + 8 <= m->buf_len; at += 8) {
		if (!__asan_address_is_poisoned(buffer + at))
			return false;
	}
#else
	(void)m;
#endif
	return true;
}
