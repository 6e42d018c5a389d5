// Tunnels by request, at the limit of how many there may be.
#include "ctl/change_requests.h"
#include "ctl/config_tables.h"
#include "ctl/gateway.h"
#include "ctl/live.h"

#include "change_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct dataplane dataplane;
static struct gateway gateway = {.dp = &dataplane};
static struct config config = {.ports_n = 1,
	.ports = {{.params = {.name = "wan", .side = PORT_UNPROTECTED, .mtu = 1500}}}};

static int add(struct change *change, const char *name, int mtu, bool *changed, struct error *err)
{
	json_t *arguments = json_pack("{s:s, s:s, s:s, s:s, s:i}", "name", name, "local",
		"192.0.2.1", "remote", "192.0.2.2", "port", "wan", "mtu", mtu);
	json_t *result;
	int ret = do_step(change, change_add_tunnel, arguments, &result, err);

	*changed = json_is_true(json_object_get(result, "changed"));
	json_decref(result);
	return ret;
}

// What is there already is not one more.
static void full(void **state)
{
	struct change change = {.gateway = &gateway, .owner = OWNER_OPERATOR};
	struct error err;
	bool changed;

	(void)state;
	config.tunnels_n = CONFIG_TUNNELS_MAX - 1;
	config.tunnels = calloc(config.tunnels_n, sizeof(config.tunnels[0]));
	assert_non_null(config.tunnels);
	for (unsigned i = 0; i < config.tunnels_n; i++)
		snprintf(config.tunnels[i].name, TUNNEL_NAME, "t%u", i);
	change.draft = draft_of(&config);
	assert_non_null(change.draft);
	assert_int_equal(add(&change, "last", 1400, &changed, &err), 0);
	assert_true(changed);
	assert_int_equal(add(&change, "last", 1400, &changed, &err), 0);
	assert_false(changed);
	assert_int_equal(change.draft->tunnels_n, CONFIG_TUNNELS_MAX);
	assert_int_equal(add(&change, "one-more", 1400, &changed, &err), -ENOSPC);
	assert_string_equal(err.text, "there are 16384 tunnels already");
	change.draft->tunnels_n = CONFIG_TUNNELS_MAX;
	assert_int_equal(add(&change, "last", 1300, &changed, &err), -EEXIST);
	draft_free(change.draft);
	free(config.tunnels);
	live_destroy(&gateway);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
