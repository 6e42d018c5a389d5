// Drawing SPIs by lot, and remembering for whom.
#include "ctl/spi.h"

#include "base/secret.h"
#include "ctl/gateway.h"
#include "ctl/limiter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Where key daemons allocate, away from what VPE's first word looks like (docs/vpe-protocol.md).
#define ESP_FIRST 0xc0000000
#define ESP_MASK 0x0fffffff
#define VPE_FIRST 0x100
#define ATTEMPTS 64

struct reservation {
	const struct proto_ops *proto; // NULL: free
	uint32_t spi;
	uint16_t owner;
	uint64_t until_ms;
};

struct spi_reservations {
	struct reservation reservation[SPI_RESERVATIONS_MAX];
};

struct spi_reservations *spi_reservations_create(void)
{
	return calloc(1, sizeof(struct spi_reservations));
}

void spi_reservations_destroy(struct spi_reservations *reservations)
{
	free(reservations);
}

static const struct reservation *find(
	const struct gateway *gateway, const struct proto_ops *proto, uint32_t spi)
{
	uint64_t now_ms = limiter_now_ms();

	for (unsigned i = 0; i < SPI_RESERVATIONS_MAX; i++) {
		const struct reservation *at = &gateway->spis->reservation[i];

		if (at->proto == proto && at->spi == spi && at->until_ms > now_ms)
			return at;
	}
	return NULL;
}

int spi_may_use(const struct gateway *gateway, const struct sa_params *params, uint16_t owner,
	struct error *err)
{
	const struct reservation *found = find(gateway, params->proto, params->spi);

	if (!found || found->owner == owner)
		return 0;
	return error_set(
		err, EBUSY, "spi 0x%x is reserved for somebody else; take another", params->spi);
}

static const struct proto_ops *proto_of(
	const struct gateway *gateway, const char *name, struct error *err)
{
	for (unsigned i = 0; name && i < gateway->dp->protos->n; i++)
		if (strcmp(gateway->dp->protos->proto[i]->name, name) == 0)
			return gateway->dp->protos->proto[i];
	error_set(err, EINVAL, "'protocol' is missing or unknown; \"vpe\" or \"esp\" is wanted");
	return NULL;
}

static bool is_taken(const struct change *change, const struct proto_ops *proto, uint32_t spi)
{
	const struct config *draft = change->draft;

	for (unsigned i = 0; i < draft->tunnels_n; i++)
		for (unsigned k = 0; k < draft->tunnels[i].in_n; k++)
			if (draft->tunnels[i].in[k].params.proto == proto &&
				draft->tunnels[i].in[k].params.spi == spi)
				return true;
	return find(change->gateway, proto, spi) != NULL;
}

static int draw(const struct change *change, const struct proto_ops *proto, uint32_t *spi,
	struct error *err)
{
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		int ret = secret_random(spi, sizeof(*spi));

		if (ret < 0)
			return error_set(err, -ret, "no random numbers: %s", strerror(-ret));
		// A protocol that packs its senders into the SPI's place leaves the rest to others.
		if (!proto->block)
			*spi = ESP_FIRST | (*spi & ESP_MASK);
		if ((proto->block && *spi < VPE_FIRST) || is_taken(change, proto, *spi))
			continue;
		return 0;
	}
	return error_set(err, ENOSPC, "no SPI was free in %d attempts", ATTEMPTS);
}

int change_alloc_spi(
	struct change *change, const json_t *arguments, json_t **result, struct error *err)
{
	const struct proto_ops *proto = proto_of(
		change->gateway, json_string_value(json_object_get(arguments, "protocol")), err);
	struct reservation *at = change->gateway->spis->reservation;
	const struct reservation *end = at + SPI_RESERVATIONS_MAX;
	uint64_t now_ms = limiter_now_ms();
	uint32_t spi;
	int ret;

	if (!proto)
		return -EINVAL;
	while (at < end && at->until_ms > now_ms)
		at++;
	if (at == end)
		return error_set(
			err, ENOSPC, "%d SPIs wait for their SAs already", SPI_RESERVATIONS_MAX);
	ret = draw(change, proto, &spi, err);
	if (ret < 0)
		return ret;
	*at = (struct reservation){.proto = proto,
		.spi = spi,
		.owner = change->owner,
		.until_ms = now_ms + SPI_RESERVED_S * 1000};
	*result = json_pack("{s:I, s:i}", "spi", (json_int_t)spi, "seconds", SPI_RESERVED_S);
	return 0;
}
