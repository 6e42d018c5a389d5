// The tables of settings, and the checks that need more than one object. Internal to the
// configuration.
#pragma once

#include "ctl/config.h"
#include "ctl/config_schema.h"

// The program's limits where nothing else sets one.
#define CONFIG_TUNNELS_MAX 16384
#define CONFIG_NEIGHBOURS_MAX 4096

extern const struct settings eal_settings;
extern const struct settings control_settings;
extern const struct settings buffers_settings;
extern const struct settings metrics_settings;
extern const struct settings punt_settings;
extern const struct settings replay_settings;
extern const struct settings icmp_settings;
extern const struct settings journal_settings;
extern const struct settings workers_settings;
extern const struct settings port_settings;
extern const struct settings bond_settings;
extern const struct settings tunnel_settings;
extern const struct settings tunnel_request_settings; // without SAs
extern const struct settings probe_settings;
extern const struct settings sa_out_settings;
extern const struct settings sa_in_settings;
extern const struct settings sa_request_settings; // of struct sa_request
extern const struct settings policy_settings;
extern const struct settings neighbour_settings;

// Names of ports, tunnels and policies: NULL, or what would be right.
const char *name_wrong(const char *name);
// Addresses of tunnels and of neighbours, prefixes of policies, of those that protect: NULL, or why
// it cannot be one.
const char *tunnel_end_wrong(const struct ip_addr *addr);
const char *neighbour_wrong(const struct ip_addr *addr);
const char *policy_source_wrong(const struct ip_prefix *prefix);
const char *protected_prefix_wrong(const struct ip_prefix *prefix);

// An SA as a request has it: with its key, and by itself.
struct sa_request {
	struct config_sa sa; // first, for the rows that SAs in a file have too
	char tunnel[TUNNEL_NAME];
};

void policy_default(struct config_policy *policy);
// One end of a tunnel or an SA.
int read_address(struct reader *reader, const config_setting_t *setting, struct ip_addr *addr);
// One without host bits.
int read_prefix(struct reader *reader, const config_setting_t *setting, struct ip_prefix *parsed);

// What a bond's settings leave to those of its port. bond: its group. 0 or -errno with err filled.
int check_bond(struct reader *reader, const config_setting_t *bond, const struct config_port *port);

// What a probe's settings leave to those of its tunnel. probe: its group; NULL: it is off.
int probe_finish(
	struct reader *reader, const config_setting_t *probe, struct config_tunnel *tunnel);

// Lists that grow by the walker; see struct setting.
void *port_element(struct reader *reader, void *object, unsigned i, unsigned n);
void *tunnel_element(struct reader *reader, void *object, unsigned i, unsigned n);
void *policy_element(struct reader *reader, void *object, unsigned i, unsigned n);
void *neighbour_element(struct reader *reader, void *object, unsigned i, unsigned n);

// Like qsort's, but on the items themselves.
typedef int twin_compare(const void *a, const void *b);
// Of equal items the same.
typedef uint64_t twin_hash(const void *item);
// Of an address and what stands beside it.
uint64_t twin_hash_addr(const struct ip_addr *addr, uint32_t beside);
// The items' addresses are in the file's order. If two are equal, sorts them and puts the pair that
// ends first in the file to item[0], the earlier, and item[1].
bool find_twins(const void **item, unsigned n, twin_hash *hash, twin_compare *compare);

// Each 0 or -errno with err filled.
int check_ports(struct reader *reader);
int check_buffers(struct reader *reader);
int check_tunnel_names(struct reader *reader);
int check_tunnel_ends(struct reader *reader);
int check_tunnels(struct reader *reader);
// Of a struct config_sa, fit for find_twins.
uint64_t sa_hash_of_key(const void *item);
// As its protocol says; -1: none.
int sa_block(const struct config_sa *sa);
// What the first word of its packets begins with: its block, or half of its SPI.
int sa_place(const struct config_sa *sa);
// Of a configuration where check_tunnels finds nothing, but for what is new or different in the n
// tunnels of these numbers (at most CONFIG_CHECK_TUNNELS), which have names of their own: false,
// and it finds nothing in all of it.
bool tunnels_may_clash(const struct config *config, const unsigned *number, unsigned n);
int check_policy_names(struct reader *reader);
int check_policies(struct reader *reader);
int check_neighbours(struct reader *reader);
