// Receivers side by side, for the tests of what bursts change: nothing.
#include "pair.h"

#include "unit.h"

#include "../fences.h"

bool pair_is_vpe(const struct pair *p)
{
	return p->one.scheme.proto == &vpe_ops;
}

// Of all lengths that there are to a multiple of four.
static uint32_t octets_of(const struct odd *odd, uint64_t seq)
{
	if (odd->octets != 0)
		return odd->octets;
	if (odd->padded)
		return 44 + (-(odd->pad + 2u) & 3);
	return 44 + seq * 5 % 17;
}

// A header that is right stands eight octets further on, too, and says that all behind is its own.
static void write_twice(uint8_t *at, uint32_t octets)
{
	at[8] = 0x45;
	memset(at + 14, 0, 2);
	write_be(at + 10, octets - 8, 2);
	write_be(at + 4, slow_checksum(at, 20, 4), 2);
	write_be(at + 26, slow_checksum(at + 8, 20, 18), 2);
}

// Returns octets. A short one is the start of a header.
static uint32_t write_inner(const struct odd *odd, uint64_t seq, uint8_t *at)
{
	uint32_t octets = octets_of(odd, seq);
	uint32_t least = odd->ipv6 ? 40 : 20;
	uint32_t header;

	(odd->ipv6 ? make_ipv6 : make_ipv4)(
		at, octets < least ? least : octets, odd->inner_class, seq);
	// What is in front of padding is not always unlike it.
	if (seq % 128 < 64 && octets > least + 8)
		memset(at + octets - 8, 0, 8);
	if (odd->first != 0)
		at[0] = odd->first;
	for (unsigned i = 0; i < COUNT(odd->change); i++) {
		if (odd->change[i].at != 0)
			at[odd->change[i].at] = odd->change[i].value;
	}
	header = (at[0] & 15) < 5 ? 20 : (at[0] & 15) * 4u;
	if (odd->sum)
		write_be(at + 10, slow_checksum(at, header, 10), 2);
	if (odd->flip != 0)
		at[(odd->flip - 1) / 8] ^= (uint8_t)(1 << (odd->flip - 1) % 8);
	if (odd->fill)
		at[0] = 0;
	if (odd->twice)
		write_twice(at, octets);
	memset(at + octets, 0xcc, odd->behind);
	return octets + odd->behind;
}

static uint32_t write_trailer(const struct odd *odd, uint8_t *at, uint32_t octets)
{
	uint8_t next_header = odd->ipv6 ? 41 : 4;
	unsigned turn = odd->turn != 0 ? odd->turn : 1u << odd->wrong % 8;

	if (odd->next_header != 0)
		next_header = odd->next_header == 255 ? 0 : odd->next_header;
	if (!odd->padded)
		return add_trailer(at, octets, next_header);
	for (uint32_t i = 1; i <= odd->pad; i++)
		at[octets++] = (uint8_t)(i == odd->wrong ? i ^ turn : i);
	at[octets++] = (uint8_t)(odd->pad + odd->more);
	at[octets++] = next_header;
	return octets;
}

void pair_write(struct pair *p, unsigned i, const struct odd *odd)
{
	static const struct odd none;
	struct arrival *a = &p->arrivals[i];
	struct forgery forgery = {.seq = p->next_seq};
	uint16_t l4 = rig_l4(&p->one);
	uint8_t plaintext[OUTER_MAX];
	uint32_t octets;

	odd = odd == NULL ? &none : odd;
	forgery.traffic_class = odd->outer_class;
	a->inner_octets = write_inner(odd, p->next_seq, plaintext);
	memcpy(a->inner, plaintext, a->inner_octets);
	octets = odd->empty ? 0 : a->inner_octets;
	if (!pair_is_vpe(p))
		octets = write_trailer(odd, plaintext, octets);
	a->octets = rig_forge(&p->one, &forgery, plaintext, octets, a->outer);
	a->l4 = (uint16_t)(l4 + odd->outer_more);
	memmove(a->outer + a->l4, a->outer + l4, a->octets - l4);
	a->octets += odd->outer_more;
	a->outer[a->octets - 1] ^= odd->forged;
	p->next_seq++;
}

static void note(const struct burst *b, uint16_t i, struct fate *fate)
{
	fate->verdict = b->verdict[i];
	fate->packet = b->packet[i];
	fate->octets = b->m[i]->data_len;
	assert_int_equal(b->m[i]->pkt_len, fate->octets);
	assert_true(is_fenced(b->m[i]));
	memcpy(fate->datagram, rte_pktmbuf_mtod(b->m[i], void *), fate->octets);
}

// From the first on, in one burst. Returns what the protocol says: all that goes on is plain.
static bool receive(struct rig *rig, const struct arrival *arrivals, unsigned first, unsigned n,
	struct fate *fates)
{
	bool plain;

	for (unsigned i = 0; i < n; i++) {
		const struct arrival *a = &arrivals[first + i];

		rig_arrive(rig, a->outer, a->octets);
		rig->burst.packet[i] = (struct packet){.l4 = a->l4,
			.protocol = 50,
			.port = (uint8_t)(first + i + 1),
			.tunnel = (uint16_t)(0x1234 + first + i)};
	}
	rig_decap(rig, 0);
	plain = rig->scheme.proto->finish(rig->in, 0, &rig->burst, 0, (uint16_t)n);
	for (unsigned i = 0; i < n; i++)
		note(&rig->burst, (uint16_t)i, &fates[first + i]);
	burst_drop(&rig->burst);
	return plain;
}

static void assert_same(const struct fate *is, const struct fate *right)
{
	assert_int_equal(is->verdict, right->verdict);
	assert_int_equal(is->packet.l4, right->packet.l4);
	assert_int_equal(is->packet.protocol, right->packet.protocol);
	assert_int_equal(is->packet.flags, right->packet.flags);
	assert_int_equal(is->packet.port, right->packet.port);
	assert_int_equal(is->packet.tunnel, right->packet.tunnel);
	if (is->verdict != VERDICT_ACCEPT)
		return;
	assert_int_equal(is->octets, right->octets);
	assert_memory_equal(is->datagram, right->datagram, right->octets);
}

// What goes on is as it is said to be.
static void assert_plain(const struct fate *is)
{
	assert_int_equal(is->verdict, VERDICT_ACCEPT);
	assert_int_equal(is->datagram[0], 0x45);
	assert_int_equal(is->packet.l4, 20);
	assert_int_equal(is->packet.protocol, is->datagram[9]);
	assert_int_equal(is->packet.flags, 0);
}

void pair_receive(struct pair *p, unsigned n)
{
	bool plain = true;

	for (unsigned i = 0; i < n; i++)
		plain = receive(&p->one, p->arrivals, i, 1, p->alone) && plain;
	assert_int_equal(receive(&p->all, p->arrivals, 0, n, p->together), plain);
	for (unsigned i = 0; i < n; i++)
		assert_same(&p->together[i], &p->alone[i]);
	for (unsigned i = 0; plain && i < n; i++)
		assert_plain(&p->together[i]);
}

// As it was sent.
static void assert_datagram(const struct fate *is, const struct arrival *a)
{
	assert_int_equal(is->verdict, VERDICT_ACCEPT);
	assert_int_equal(is->packet.l4, 20);
	assert_int_equal(is->packet.protocol, 17);
	assert_int_equal(is->octets, a->inner_octets);
	assert_memory_equal(is->datagram, a->inner, a->inner_octets);
}

const struct fate *pair_odd_at(struct pair *p, unsigned at, const struct odd *odd)
{
	for (unsigned i = 0; i < ELEVEN; i++)
		pair_write(p, i, i == at ? odd : NULL);
	pair_receive(p, ELEVEN);
	for (unsigned i = 0; i < ELEVEN; i++) {
		if (i != at)
			assert_datagram(&p->together[i], &p->arrivals[i]);
	}
	if (odd->reason != ANY && p->together[at].verdict != odd->reason)
		fail_msg("%s: verdict %u at %u", odd->what, p->together[at].verdict, at);
	return &p->together[at];
}

void pair_odd_at_each(struct pair *p, const struct odd *odd)
{
	for (unsigned at = 0; at < ELEVEN; at++)
		pair_odd_at(p, at, odd);
}

static void assert_windows_same(struct pair *p)
{
	uint32_t id_word = pair_is_vpe(p) ? 1 << 16 : 1;
	struct window_slot *one = window_find(p->one.in->windows, id_word);
	struct window_slot *all = window_find(p->all.in->windows, id_word);
	const struct replay_window *w[2] = {atomic_load(&one->window), atomic_load(&all->window)};

	assert_int_equal(w[0]->top, w[1]->top);
	assert_int_equal(w[0]->accepted, w[1]->accepted);
	assert_int_equal(w[0]->old, w[1]->old);
	assert_int_equal(w[0]->seen, w[1]->seen);
}

void for_pairs(void (*run)(struct pair *p), bool vpe_too)
{
	static const unsigned schemes[] = {0, 4, 8, 13, 16, 22};
	static struct pair pair;

	for (unsigned i = vpe_too ? 0 : 2; i < COUNT(schemes); i++) {
		struct pair *p = &pair;

		rig_open(&p->one, scheme_at(schemes[i]), NULL);
		rig_open(&p->all, scheme_at(schemes[i]), NULL);
		// With ESN, from where the lower half of the number soon overflows.
		p->next_seq = p->one.scheme.esn ? UINT32_MAX - 300 : 1;
		run(p);
		assert_windows_same(p);
		rig_close(&p->one);
		rig_close(&p->all);
	}
}
