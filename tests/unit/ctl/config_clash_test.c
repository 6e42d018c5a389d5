// The short look at what is new, against the check of everything: where it sees nothing, nothing
// is.
#include "config_fixture.h"

#include "../random.h"
#include "ctl/config_tables.h"
#include "test_address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TUNNELS 12
#define ROUNDS 20000
#define POOL_KB 64

static struct config_tunnel tunnels[TUNNELS + 1], before[TUNNELS + 1];
static struct config config = {.tunnels = tunnels};
static struct random chance;

static unsigned draw(unsigned n)
{
	return (unsigned)random_below(&chance, n);
}

static bool once_in(unsigned n)
{
	return draw(n) == 0;
}

// Now and then what somebody else may have.
static void make_sa(struct config_sa *sa, const struct config_tunnel *tunnel, bool inbound)
{
	bool vpe = once_in(3);

	*sa = (struct config_sa){.inbound = inbound};
	sa->params.proto = vpe ? &vpe_ops : &esp_ops;
	sa->params.local = once_in(8) ? test_address(draw(4)) : tunnel->local;
	sa->params.remote = once_in(8) ? test_address(100 + draw(4)) : tunnel->remote;
	sa->params.spi = 0x10000 * (1 + draw(300)) + draw(40);
	sa->params.sender_id = vpe && once_in(3) ? (uint16_t)draw(200) : 0;
	sa->params.replay_window = 64;
	sa->fingerprint[0] = (uint8_t)draw(250);
	sa->fingerprint[7] = (uint8_t)draw(3);
}

static void make_sas(struct config_tunnel *tunnel)
{
	tunnel->in_n = draw(4);
	for (unsigned k = 0; k < tunnel->in_n; k++)
		make_sa(&tunnel->in[k], tunnel, true);
	tunnel->has_out = once_in(2);
	if (tunnel->has_out)
		make_sa(&tunnel->out, tunnel, false);
}

static void make_tunnel(unsigned number)
{
	struct config_tunnel *tunnel = &tunnels[number];

	*tunnel = (struct config_tunnel){.in_n = 0};
	snprintf(tunnel->name, sizeof(tunnel->name), "t%u", number);
	tunnel->local = test_address(once_in(100) ? 100 + draw(4) : draw(4));
	tunnel->remote = test_address(once_in(100) ? draw(4) : 100 + draw(4));
	make_sas(tunnel);
}

static bool is_right(void)
{
	struct error err = {.text = ""};
	struct reader reader = {.config = &config, .err = &err};

	return check_tunnels(&reader) == 0;
}

// All right, and each tunnel by itself.
static void make_config(void)
{
	config.replay_pool_kb = POOL_KB;
	config.tunnels_n = 0;
	while (config.tunnels_n < TUNNELS) {
		make_tunnel(config.tunnels_n++);
		config.tunnels_n -= !is_right();
	}
}

static void never_less_than_the_check(void **state)
{
	unsigned wrong = 0, seen = 0, passed = 0;

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned number[2] = {draw(TUNNELS + 1), draw(TUNNELS)};
		bool clash;

		if (i % 50 == 0)
			make_config();
		config.tunnels_n = TUNNELS;
		memcpy(before, tunnels, sizeof(before));
		if (number[0] == TUNNELS)
			make_tunnel(config.tunnels_n++);
		else
			make_sas(&tunnels[number[0]]);
		if (once_in(3))
			make_sas(&tunnels[number[1]]);
		else
			number[1] = number[0];
		if (once_in(20))
			config.replay_pool_kb = 1;
		clash = tunnels_may_clash(&config, number, 2);
		seen += clash;
		passed += !clash;
		if (!is_right()) {
			wrong++;
			assert_true(clash);
		}
		config.replay_pool_kb = POOL_KB;
		memcpy(tunnels, before, sizeof(before));
	}
	// It has seen both, and does not cry without a reason.
	assert_true(wrong > ROUNDS / 20 && passed > ROUNDS / 4);
	assert_int_equal(seen, wrong);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_less_than_the_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
