// What the rows of the admin socket's table call, and what a reload shares with them.
#pragma once

#include "ctl/changes.h"

int change_add_tunnel(
	struct change *change, const json_t *arguments, json_t **result, struct error *err);
int change_del_tunnel(
	struct change *change, const json_t *arguments, json_t **result, struct error *err);
int change_add_sa(
	struct change *change, const json_t *arguments, json_t **result, struct error *err);
int change_rekey_sa(
	struct change *change, const json_t *arguments, json_t **result, struct error *err);
int change_update_sa(
	struct change *change, const json_t *arguments, json_t **result, struct error *err);
int change_del_sa(
	struct change *change, const json_t *arguments, json_t **result, struct error *err);
int change_add_policy(
	struct change *change, const json_t *arguments, json_t **result, struct error *err);
int change_del_policy(
	struct change *change, const json_t *arguments, json_t **result, struct error *err);
int change_flush(
	struct change *change, const json_t *arguments, json_t **result, struct error *err);
// SAs whose lives are over go.
int change_expire(
	struct change *change, const json_t *arguments, json_t **result, struct error *err);
int change_reload(
	struct change *change, const json_t *arguments, json_t **result, struct error *err);
// The program behind an owner is another one now: the SAs that the old one made go, and what its
// policies protected is discarded until they are installed again.
int change_withdraw(
	struct change *change, const json_t *arguments, json_t **result, struct error *err);

bool change_sa_equal(const struct config_sa *a, const struct config_sa *b);
// Makes sa live: anew, or where before, an SA with the same key, stands (NULL: there is none).
int change_sa_live(const struct change *change, const struct config_tunnel *tunnel,
	struct config_sa *sa, const struct config_sa *before, struct error *err);
// Room for one more at this place of the list. NULL: no memory.
struct config_tunnel *change_insert_tunnel(struct config *draft);
struct config_policy *change_insert_policy(struct config *draft, unsigned at);
void change_remove_tunnel(struct config *draft, unsigned at);
void change_remove_policy(struct config *draft, unsigned at);
