// Inbound SPIs that were handed out and wait for their SA, so that no two negotiations get one.
#pragma once

#include "ctl/changes.h"

#define SPI_RESERVATIONS_MAX 4096
#define SPI_RESERVED_S \
	165 // as long as a key daemon may take (strongSwan's timeout of a negotiation)

struct spi_reservations;

// NULL: no memory.
struct spi_reservations *spi_reservations_create(void);
void spi_reservations_destroy(struct spi_reservations *reservations);

// The SPI is nobody else's who waits. 0 or -EBUSY.
int spi_may_use(const struct gateway *gateway, const struct sa_params *params, uint16_t owner,
	struct error *err);
// alloc-spi.
int change_alloc_spi(
	struct change *change, const json_t *arguments, json_t **result, struct error *err);
