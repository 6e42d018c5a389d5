// What differs between two configurations, against sets of all that is in them.
#include "ctl/apply_diff.h"

#include "../random.h"
#include "test_address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TUNNELS 6
#define LIVES 40
#define ENDS 256
#define ROUNDS 20000

static struct tunnel lives[LIVES];
static struct sa sas[LIVES];
static struct sa_in *places[LIVES]; // nobody looks at what is there
static struct config_tunnel of_now[TUNNELS], of_next[TUNNELS];
static struct config now = {.tunnels = of_now}, next = {.tunnels = of_next};
static struct random chance;

static unsigned draw(unsigned n)
{
	return (unsigned)random_below(&chance, n);
}

static struct config_sa an_sa(const struct config_tunnel *tunnel, unsigned number, bool inbound)
{
	struct config_sa sa = {.inbound = inbound, .live = &sas[number]};

	sa.params.local = draw(6) == 0 ? test_address(draw(3)) : tunnel->local;
	sa.params.remote = draw(6) == 0 ? test_address(100 + draw(3)) : tunnel->remote;
	return sa;
}

// Numbers of SAs are never used twice in a configuration.
static void make(struct config *config)
{
	unsigned number = 0;

	config->tunnels_n = draw(TUNNELS);
	for (unsigned i = 0; i < config->tunnels_n; i++) {
		struct config_tunnel *tunnel = &config->tunnels[i];

		*tunnel = (struct config_tunnel){.live = &lives[i],
			.local = test_address(draw(3)),
			.remote = test_address(100 + draw(3)),
			.mtu = 1500};
		tunnel->in_n = draw(4);
		for (unsigned k = 0; k < tunnel->in_n; k++)
			tunnel->in[k] = an_sa(tunnel, number++, true);
		tunnel->has_out = draw(2);
		if (tunnel->has_out)
			tunnel->out = an_sa(tunnel, number++, false);
	}
}

static void remove_in(struct config_tunnel *tunnel, unsigned k)
{
	tunnel->in_n--;
	memmove(&tunnel->in[k], &tunnel->in[k + 1], (tunnel->in_n - k) * sizeof(tunnel->in[0]));
	memset(&tunnel->in[tunnel->in_n], 0, sizeof(tunnel->in[0]));
}

// One of those that the admin socket knows.
static void change_something(struct config *config, unsigned fresh)
{
	unsigned i = config->tunnels_n ? draw(config->tunnels_n) : 0;
	struct config_tunnel *tunnel = &config->tunnels[i];

	if (config->tunnels_n == 0)
		return;
	switch (draw(8)) {
	case 0:
		config->tunnels_n--;
		memmove(tunnel, tunnel + 1, (config->tunnels_n - i) * sizeof(*tunnel));
		break;
	case 1:
		if (config->tunnels_n == TUNNELS)
			return;
		config->tunnels[config->tunnels_n] = (struct config_tunnel){.live = &lives[fresh],
			.local = test_address(draw(3)),
			.remote = test_address(100)};
		config->tunnels_n++;
		break;
	case 2:
		if (tunnel->in_n > 0)
			remove_in(tunnel, draw(tunnel->in_n));
		break;
	case 3:
		tunnel->port = draw(2);
		break;
	case 4:
		tunnel->tcp_mss = (uint16_t)(1000 + draw(2));
		break;
	case 5:
		tunnel->out = an_sa(tunnel, fresh, false);
		tunnel->has_out = draw(3) != 0;
		if (!tunnel->has_out)
			memset(&tunnel->out, 0, sizeof(tunnel->out));
		break;
	default:
		tunnel->in[tunnel->in_n++] = an_sa(tunnel, fresh, true);
	}
}

struct sets {
	bool in[LIVES];
	bool local[ENDS], remote[ENDS];
};

static struct sets sets_of(const struct config *config)
{
	struct sets sets = {.in = {false}};

	for (unsigned i = 0; i < config->tunnels_n; i++) {
		const struct config_tunnel *tunnel = &config->tunnels[i];

		sets.local[tunnel->port * 16 + tunnel->local.octets[3]] = true;
		sets.remote[tunnel->remote.octets[3]] = true;
		if (tunnel->has_out)
			sets.remote[tunnel->out.params.remote.octets[3]] = true;
		for (unsigned k = 0; k < tunnel->in_n; k++) {
			sets.local[tunnel->port * 16 + tunnel->in[k].params.local.octets[3]] = true;
			sets.in[tunnel->in[k].live - sas] = true;
		}
	}
	return sets;
}

static bool is_listed(const struct apply_diff *diff, unsigned number)
{
	for (unsigned i = 0; i < diff->n; i++)
		if (diff->tunnel[i] == number)
			return true;
	return false;
}

// Lists and ends apart, what both have is the same octet by octet.
static void expect_listed(const struct apply_diff *diff)
{
	for (unsigned i = 0; i < next.tunnels_n; i++)
		if (i >= now.tunnels_n || memcmp(&of_now[i], &of_next[i], sizeof(of_now[i])) != 0)
			assert_true(is_listed(diff, i));
		else
			assert_false(is_listed(diff, i));
}

static void against_sets(void **state)
{
	unsigned more = 0, same_ends = 0, gone = 0;

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct sets before, after, sum;
		struct apply_diff diff;

		make(&now);
		memcpy(of_next, of_now, sizeof(of_next));
		next.tunnels_n = now.tunnels_n;
		for (unsigned n = draw(3); n > 0; n--)
			change_something(&next, LIVES - n);
		before = sum = sets_of(&now);
		after = sets_of(&next);
		assert_int_equal(apply_diff_make(&now, &next, &diff), 0);
		expect_listed(&diff);
		for (unsigned k = 0; k < diff.more_n; k++)
			sum.in[(struct sa_in **)(void *)diff.more[k] - places] = true;
		if (!diff.gone)
			assert_memory_equal(sum.in, after.in, sizeof(sum.in));
		if (!diff.ends) {
			assert_memory_equal(before.local, after.local, sizeof(before.local));
			assert_memory_equal(before.remote, after.remote, sizeof(before.remote));
		}
		more += !diff.gone && diff.more_n > 0;
		gone += diff.gone;
		same_ends += !diff.ends && diff.n > 0;
		apply_diff_free(&diff);
	}
	assert_true(more > ROUNDS / 10 && gone > ROUNDS / 20 && same_ends > ROUNDS / 50);
}

static void all_is_new_at_the_start(void **state)
{
	struct apply_diff diff;

	(void)state;
	do
		make(&next);
	while (next.tunnels_n < 2);
	assert_int_equal(apply_diff_make(NULL, &next, &diff), 0);
	assert_int_equal(diff.n, next.tunnels_n);
	assert_true(diff.ends && !diff.gone);
	apply_diff_free(&diff);
}

static int name_places(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LIVES; i++)
		sas[i].in = (struct sa_in *)(void *)&places[i];
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_sets),
		cmocka_unit_test(all_is_new_at_the_start),
	};

	return cmocka_run_group_tests(tests, name_places, NULL);
}
