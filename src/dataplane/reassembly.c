// Reassembly (RFC 791 section 3.2, RFC 8200 section 4.5, RFC 5722). rte_ip_frag is not used: it
// does not tell why fragments end, chains their buffers and holds several of them for a datagram.
#include "dataplane/reassembly.h"

#include "dataplane/drop.h"
#include "dataplane/worker.h"
#include "proto/ecn.h"
#include "proto/ip_hdr.h"
#include "proto/pkt.h"

#include <rte_cycles.h>
#include <rte_malloc.h>

// The payload of a waiting datagram starts here, so that either header fits in front of it.
#define PAYLOAD_AT (RTE_PKTMBUF_HEADROOM + IPV6_HEADER)
#define UNIT 8 // octets that fragment offsets count in
#define UNITS_MAX (UINT16_MAX / UNIT)
#define FRAGMENT_HEADER 8 // IPv6's

struct identity {
	uint8_t source[16];
	uint8_t destination[16];
	uint32_t id;
	uint8_t version;
	uint8_t protocol;
	uint8_t zero[2];
};

struct entry {
	struct identity identity;
	struct rte_mbuf *m; // NULL where the datagram is spoilt
	uint64_t deadline;
	enum drop_reason spoilt; // whatever still comes of it is dropped
	uint8_t port;		 // of arrival
	uint8_t code_points;	 // of ECN, a bit for each that was seen
	uint16_t fragments;
	uint16_t end;		     // of the payload; 0: not known yet
	uint16_t reach;		     // of the fragments so far
	uint16_t filled;	     // octets
	uint8_t header[IPV6_HEADER]; // of the fragment at offset 0
	uint64_t unit[UNITS_MAX / 64 + 1];
};

struct reassembly {
	uint64_t wait; // TSC
	unsigned used;
	uint32_t tag[REASSEMBLY_ENTRIES]; // hash of the identity; 0: free
	struct entry entry[REASSEMBLY_ENTRIES];
};

// A fragment as its headers tell of it.
struct fragment {
	struct identity identity;
	uint16_t header_octets;
	uint32_t offset;
	uint32_t octets;
	bool more;
};

struct reassembly *reassembly_create(int socket)
{
	struct reassembly *table =
		rte_zmalloc_socket("reassembly", sizeof(*table), CACHE_LINE, socket);

	if (table != NULL)
		table->wait = rte_get_tsc_hz() / 1000 * REASSEMBLY_MS;
	return table;
}

void reassembly_destroy(struct reassembly *table)
{
	for (unsigned i = 0; table != NULL && i < REASSEMBLY_ENTRIES; i++) {
		if (table->tag[i] != 0 && table->entry[i].m != NULL)
			drop_free(table->entry[i].m);
	}
	rte_free(table);
}

static void parse_ipv4(const uint8_t *header, struct fragment *f)
{
	uint16_t field = load_be16(header + IPV4_FRAGMENT);

	memcpy(f->identity.source, header + IPV4_SOURCE, 4);
	memcpy(f->identity.destination, header + IPV4_DESTINATION, 4);
	f->identity.id = load_be16(header + IPV4_ID);
	f->identity.protocol = header[IPV4_PROTOCOL];
	f->header_octets = (uint16_t)ipv4_header_octets(header);
	f->offset = (field & IPV4_FRAGMENT_OFFSET) * UNIT;
	f->more = field & IPV4_MORE_FRAGMENTS;
}

static void parse_ipv6(const uint8_t *header, struct fragment *f)
{
	const uint8_t *fragment = header + IPV6_HEADER;
	uint16_t field = load_be16(fragment + 2);

	memcpy(f->identity.source, header + IPV6_SOURCE, 16);
	memcpy(f->identity.destination, header + IPV6_DESTINATION, 16);
	f->identity.id = load_be32(fragment + 4);
	f->identity.protocol = fragment[0];
	f->header_octets = IPV6_HEADER + FRAGMENT_HEADER;
	f->offset = field & 0xfff8u;
	f->more = field & 1;
}

static void parse(const struct rte_mbuf *m, struct fragment *f)
{
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);

	*f = (struct fragment){.identity.version = ip_version(header)};
	if (f->identity.version == 4)
		parse_ipv4(header, f);
	else
		parse_ipv6(header, f);
	f->octets = (uint32_t)m->data_len - f->header_octets;
}

// Never 0. Only a first look: the search is the same whatever it is.
static uint32_t hash(const struct identity *identity)
{
	uint32_t hash = 0;

	for (unsigned i = 0; i < sizeof(*identity); i += sizeof(uint32_t)) {
		uint32_t word;

		memcpy(&word, (const uint8_t *)identity + i, sizeof(word));
		hash = (hash ^ word) * UINT32_C(0x9e3779b1);
		hash ^= hash >> 15;
	}
	return hash | 1;
}

static struct entry *find(struct reassembly *table, const struct identity *identity, uint32_t tag)
{
	for (unsigned i = 0; i < REASSEMBLY_ENTRIES; i++) {
		if (table->tag[i] == tag &&
			memcmp(&table->entry[i].identity, identity, sizeof(*identity)) == 0)
			return &table->entry[i];
	}
	return NULL;
}

static void release(struct reassembly *table, struct entry *entry)
{
	table->tag[entry - table->entry] = 0;
	table->used--;
}

// What it has so far is dropped for this reason.
static void empty(struct worker *w, struct entry *entry, enum drop_reason reason)
{
	if (entry->m == NULL)
		return;
	counter_add(&w->stats.port[entry->port].drops[reason], entry->fragments);
	drop_free(entry->m);
	entry->m = NULL;
}

static unsigned oldest(const struct reassembly *table)
{
	unsigned first = 0;

	for (unsigned i = 1; i < REASSEMBLY_ENTRIES; i++) {
		if (table->entry[i].deadline < table->entry[first].deadline)
			first = i;
	}
	return first;
}

static unsigned free_place(struct worker *w)
{
	struct reassembly *table = w->reassembly;
	unsigned i = 0;

	while (i < REASSEMBLY_ENTRIES && table->tag[i] != 0)
		i++;
	if (i < REASSEMBLY_ENTRIES)
		return i;
	// The fragments of one datagram come close together: of a flood's, the oldest is the least
	// likely to become whole.
	i = oldest(table);
	empty(w, &table->entry[i], DROP_reassembly_full);
	release(table, &table->entry[i]);
	return i;
}

static struct entry *find_or_take(
	struct worker *w, const struct fragment *f, uint8_t port, uint64_t now)
{
	struct reassembly *table = w->reassembly;
	uint32_t tag = hash(&f->identity);
	struct entry *entry = find(table, &f->identity, tag);
	unsigned place;

	if (entry != NULL)
		return entry;
	place = free_place(w);
	entry = &table->entry[place];
	*entry = (struct entry){
		.identity = f->identity, .port = port, .deadline = now + table->wait};
	table->tag[place] = tag;
	table->used++;
	return entry;
}

// The bits of word i among units first .. last.
static uint64_t unit_mask(uint32_t i, uint32_t first, uint32_t last)
{
	uint64_t mask = UINT64_MAX;

	if (i == first / 64)
		mask &= UINT64_MAX << first % 64;
	if (i == last / 64)
		mask &= UINT64_MAX >> (63 - last % 64);
	return mask;
}

// Units of the fragment that are there already.
static uint32_t units_there(const struct entry *entry, uint32_t first, uint32_t last)
{
	uint32_t n = 0;

	for (uint32_t i = first / 64; i <= last / 64; i++)
		n += (uint32_t)__builtin_popcountll(entry->unit[i] & unit_mask(i, first, last));
	return n;
}

static void mark_units(struct entry *entry, uint32_t first, uint32_t last)
{
	for (uint32_t i = first / 64; i <= last / 64; i++)
		entry->unit[i] |= unit_mask(i, first, last);
}

static uint8_t *payload(struct rte_mbuf *m)
{
	return (uint8_t *)m->buf_addr + PAYLOAD_AT;
}

// It says otherwise than the others where the datagram ends.
static bool contradicts(const struct entry *entry, const struct fragment *f, uint32_t end)
{
	if (f->more)
		return entry->end != 0 && end > entry->end;
	return entry->end != 0 ? end != entry->end : end < entry->reach;
}

static enum drop_reason judge(
	struct entry *entry, const struct rte_mbuf *m, const struct fragment *f)
{
	uint32_t room = (uint32_t)(entry->m != NULL ? entry->m->buf_len : m->buf_len) - PAYLOAD_AT;
	uint32_t end = f->offset + f->octets;
	uint32_t first = f->offset / UNIT;
	uint32_t last = (end - 1) / UNIT;
	uint32_t there;

	if (entry->spoilt != DROP_NONE)
		return entry->spoilt;
	if (end > room)
		return DROP_reassembly_too_long;
	if (contradicts(entry, f, end))
		return DROP_reassembly_overlap;
	there = units_there(entry, first, last);
	if (there == 0)
		return DROP_NONE;
	// A copy made on the way does no harm (RFC 8200 section 4.5).
	if (there == last - first + 1 && f->more == (end != entry->end) &&
		memcmp(payload(entry->m) + f->offset,
			rte_pktmbuf_mtod_offset(m, const uint8_t *, f->header_octets),
			f->octets) == 0)
		return DROP_reassembly_duplicate;
	return DROP_reassembly_overlap;
}

static void note(struct entry *entry, const uint8_t *header, const struct fragment *f)
{
	uint32_t end = f->offset + f->octets;

	entry->code_points |= (uint8_t)(1u << (ip_traffic_class(header) & ECN_MASK));
	entry->fragments++;
	entry->filled = (uint16_t)(entry->filled + f->octets);
	entry->reach = (uint16_t)RTE_MAX(entry->reach, end);
	if (!f->more)
		entry->end = (uint16_t)end;
	if (f->offset == 0)
		memcpy(entry->header, header,
			f->identity.version == 4 ? IPV4_HEADER_MIN : IPV6_HEADER);
	mark_units(entry, f->offset / UNIT, (end - 1) / UNIT);
}

// m becomes the datagram's buffer, or is copied to it and goes.
static void take(struct entry *entry, struct rte_mbuf *m, const struct fragment *f)
{
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);

	note(entry, header, f);
	if (entry->m != NULL) {
		memcpy(payload(entry->m) + f->offset, header + f->header_octets, f->octets);
		drop_free(m);
		return;
	}
	pkt_unfence(m);
	memmove(payload(m) + f->offset, header + f->header_octets, f->octets);
	entry->m = m;
}

// RFC 3168 section 5.3: no mark is lost, and none is made where somebody knows no ECN.
static enum drop_reason join_ecn(const struct entry *entry, uint8_t *header)
{
	if (!(entry->code_points & 1u << ECN_CE))
		return DROP_NONE;
	if (entry->code_points & 1u << ECN_NOT_ECT)
		return DROP_reassembly_ecn;
	ip_set_ecn(header, ECN_CE);
	return DROP_NONE;
}

static void write_header(const struct entry *entry, uint8_t *header)
{
	if (entry->identity.version == 6) {
		memcpy(header, entry->header, IPV6_HEADER);
		header[IPV6_NEXT_HEADER] = entry->identity.protocol;
		store_be16(header + IPV6_PAYLOAD_LENGTH, entry->end);
		return;
	}
	memcpy(header, entry->header, IPV4_HEADER_MIN);
	// Without the options.
	header[0] = 4 << 4 | IPV4_HEADER_MIN / 4;
	store_be16(header + IPV4_TOTAL_LENGTH, (uint16_t)(entry->end + IPV4_HEADER_MIN));
	store_be16(header + IPV4_FRAGMENT, 0);
	ipv4_write_checksum(header, IPV4_HEADER_MIN);
}

static struct rte_mbuf *complete(struct worker *w, struct entry *entry, struct packet *packet)
{
	struct rte_mbuf *m = entry->m;
	uint16_t header_octets = entry->identity.version == 4 ? IPV4_HEADER_MIN : IPV6_HEADER;
	enum drop_reason reason;

	m->data_off = (uint16_t)(PAYLOAD_AT - header_octets);
	m->data_len = (uint16_t)(header_octets + entry->end);
	m->pkt_len = m->data_len;
	pkt_fence(m);
	write_header(entry, rte_pktmbuf_mtod(m, uint8_t *));
	reason = join_ecn(entry, rte_pktmbuf_mtod(m, uint8_t *));
	if (reason != DROP_NONE) {
		empty(w, entry, reason);
		release(w->reassembly, entry);
		return NULL;
	}
	packet->l4 = header_octets;
	packet->protocol = entry->identity.protocol;
	packet->flags &= (uint8_t) ~(PACKET_FRAGMENT | PACKET_LATER_FRAGMENT);
	counter_add(&w->stats.port[packet->port].reassembled, 1);
	release(w->reassembly, entry);
	return m;
}

// All of the datagram is dropped, what is still to come too (RFC 5722 section 4).
static void spoil(struct worker *w, struct entry *entry, enum drop_reason reason)
{
	empty(w, entry, reason);
	entry->spoilt = reason;
}

struct rte_mbuf *reassembly_add(
	struct worker *w, struct rte_mbuf *m, struct packet *packet, uint64_t now)
{
	enum drop_reason reason;
	struct entry *entry;
	struct fragment f;

	parse(m, &f);
	if (f.octets == 0 || (f.more && f.octets % UNIT != 0)) {
		drop_packet(w, packet->port, DROP_reassembly_malformed, m);
		return NULL;
	}
	entry = find_or_take(w, &f, packet->port, now);
	reason = judge(entry, m, &f);
	if (reason != DROP_NONE) {
		if (reason != DROP_reassembly_duplicate)
			spoil(w, entry, reason);
		drop_packet(w, packet->port, reason, m);
		return NULL;
	}
	take(entry, m, &f);
	return entry->filled == entry->end ? complete(w, entry, packet) : NULL;
}

void reassembly_expire(struct worker *w, uint64_t now)
{
	struct reassembly *table = w->reassembly;

	if (table == NULL || table->used == 0)
		return;
	for (unsigned i = 0; i < REASSEMBLY_ENTRIES; i++) {
		if (table->tag[i] == 0 || table->entry[i].deadline > now)
			continue;
		empty(w, &table->entry[i], DROP_reassembly_timeout);
		release(table, &table->entry[i]);
	}
}
