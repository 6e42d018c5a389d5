// Selectors of policies compared with each other. Knows no packet and no table.
#include "dataplane/spd.h"

#include "proto/ip_hdr.h"

static bool range_equal(struct port_range a, struct port_range b)
{
	return a.first == b.first && a.last == b.last;
}

static bool range_covers(struct port_range outer, struct port_range inner)
{
	return outer.first <= inner.first && inner.last <= outer.last;
}

static bool range_is_all(struct port_range range)
{
	return range.first == 0 && range.last == UINT16_MAX;
}

static bool prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->length == b->length && ip_addr_equal(&a->addr, &b->addr);
}

bool selector_equal(const struct selector *a, const struct selector *b)
{
	return prefix_equal(&a->source, &b->source) &&
		prefix_equal(&a->destination, &b->destination) && a->protocol == b->protocol &&
		range_equal(a->source_port, b->source_port) &&
		range_equal(a->destination_port, b->destination_port);
}

bool selector_covers(const struct selector *outer, const struct selector *inner)
{
	if (outer->protocol != SELECTOR_ANY_PROTOCOL && outer->protocol != inner->protocol)
		return false;
	return ip_prefix_covers(&outer->source, &inner->source) &&
		ip_prefix_covers(&outer->destination, &inner->destination) &&
		range_covers(outer->source_port, inner->source_port) &&
		range_covers(outer->destination_port, inner->destination_port);
}

bool selector_names_ports(const struct selector *selector)
{
	return !range_is_all(selector->source_port) || !range_is_all(selector->destination_port);
}
