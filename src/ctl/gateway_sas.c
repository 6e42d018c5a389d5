// From the configuration that the daemon starts with to the data plane.
#include "ctl/gateway_sas.h"

#include "base/log.h"
#include "base/secret.h"
#include "ctl/apply.h"
#include "ctl/change_draft.h"
#include "ctl/live.h"

#include <time.h>

#define NS_PER_SECOND UINT64_C(1000000000)

static uint64_t unix_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static int make_tunnel(struct gateway *gateway, struct config_tunnel *tunnel, struct error *err)
{
	int ret = live_tunnel(gateway, tunnel, err);

	for (unsigned k = 0; k < tunnel->in_n && ret == 0; k++)
		ret = live_sa(gateway, tunnel, &tunnel->in[k], true, err);
	if (ret == 0 && tunnel->has_out)
		ret = live_sa(gateway, tunnel, &tunnel->out, false, err);
	return ret;
}

static void warn_static_keys(const struct gateway *gateway)
{
	unsigned n = 0;

	for (unsigned i = 0; i < gateway->sas; i++)
		n += !gateway->sa[i]->params.journaled;
	if (n > 0)
		log_warning("static keys are accepted because the configuration gives its word "
			    "(manual_keys = \"fresh-each-start\") that every key is new: there is "
			    "no record of used sequence numbers, and starting again with a key "
			    "that was in use can repeat a nonce");
}

static void warn_ipv6(const struct gateway *gateway)
{
	for (unsigned i = 0; i < gateway->sas; i++) {
		const struct sa *sa = gateway->sa[i];

		if (!sa->inbound && sa_out_max_inner(sa->out) < IPV6_MTU_MIN)
			log_warning("tunnel %s: IPv6 counts on %u octets, and %u fit: packets "
				    "between go in fragments; a larger mtu of tunnel and port %s "
				    "would help",
				sa->tunnel->name, IPV6_MTU_MIN, sa_out_max_inner(sa->out),
				gateway->dp->port[sa->tunnel->port].name);
	}
}

// Of a protocol whose first number goes with the clock: it stands still before the clock's zero.
static bool clock_is_early(const struct proto_ops *proto, uint64_t now_ns)
{
	return proto->first_seq(now_ns) == proto->first_seq(0) &&
		proto->first_seq(INT64_MAX) != proto->first_seq(0);
}

static void warn_clock(const struct gateway *gateway)
{
	uint64_t now_ns = unix_ns();

	for (unsigned i = 0; i < gateway->sas; i++) {
		const struct sa *sa = gateway->sa[i];

		if (sa->inbound || sa->params.journaled ||
			!clock_is_early(sa->params.proto, now_ns))
			continue;
		log_warning("the clock says that it is before 2026-01-01: sequence numbers of "
			    "%s start at 1 and not where the clock puts them; set the clock, or "
			    "be sure that all keys are fresh",
			sa->params.proto->name);
		return;
	}
}

static int leave_out(struct gateway *gateway, struct config_tunnel *tunnel, struct config_sa *sa,
	struct error *err)
{
	bool away;
	int ret = live_stays_away(gateway, tunnel, sa, &away, err);

	if (ret < 0 || !away)
		return ret;
	secret_free(sa->key);
	change_remove_sa(tunnel, sa);
	return 0;
}

static int leave_out_ended(struct gateway *gateway, struct config_tunnel *tunnel, struct error *err)
{
	int ret = 0;

	for (unsigned k = tunnel->in_n; k-- > 0 && ret == 0;)
		ret = leave_out(gateway, tunnel, &tunnel->in[k], err);
	if (ret == 0 && tunnel->has_out)
		ret = leave_out(gateway, tunnel, &tunnel->out, err);
	return ret;
}

int gateway_install_sas(struct gateway *gateway, struct error *err)
{
	struct config *config = gateway->config;
	int ret = 0;

	for (unsigned i = 0; i < config->tunnels_n && ret == 0; i++)
		ret = leave_out_ended(gateway, &config->tunnels[i], err);
	for (unsigned i = 0; i < config->tunnels_n && ret == 0; i++)
		ret = make_tunnel(gateway, &config->tunnels[i], err);
	if (ret == 0)
		ret = apply(gateway, config, err);
	if (ret == 0) {
		warn_static_keys(gateway);
		warn_ipv6(gateway);
		warn_clock(gateway);
	}
	return ret;
}
