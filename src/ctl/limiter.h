// A token bucket per address in memory of fixed size. Pure: time is an argument. An address that
// finds no room beside others that are in use is refused like one whose bucket is empty, so what
// passes stays bounded whoever asks.
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

struct limiter;

// Room for sets * 4 addresses (sets: a power of two), each with burst tokens that come back one per
// interval_ms. 0 or -errno.
int limiter_create(uint32_t sets, uint32_t burst, uint32_t interval_ms, struct limiter **created);
// NULL is fine.
void limiter_destroy(struct limiter *limiter);

// A token for this address, told apart by scope too (a port, an SPI, or 0). now_ms never goes back.
bool limiter_take(
	struct limiter *limiter, const struct ip_addr *addr, uint32_t scope, uint64_t now_ms);

// CLOCK_MONOTONIC.
uint64_t limiter_now_ms(void);
