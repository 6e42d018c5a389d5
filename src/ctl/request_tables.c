// The tables of both control sockets. A new request is one row here, and one function.
#include "ctl/api.h"
#include "ctl/capture_requests.h"
#include "ctl/change_requests.h"
#include "ctl/key_register.h"
#include "ctl/profile.h"
#include "ctl/reveal.h"
#include "ctl/session.h"
#include "ctl/show.h"
#include "ctl/spi.h"

static const struct request read_rows[] = {
	{.name = API_HELLO,
		.about = session_hello,
		.argument = {{"owner", JSON_STRING}, {"instance", JSON_STRING}}},
	{.name = API_MONITOR, .about = session_monitor},
};
const struct request_table request_table_read = {
	.n = sizeof(read_rows) / sizeof(read_rows[0]),
	.request = read_rows,
	.more = &request_table_show,
};

#define SA_NAMED                                             \
	{"tunnel", JSON_STRING}, {"direction", JSON_STRING}, \
	{                                                    \
		"spi", JSON_INTEGER                          \
	}

static const struct request admin_rows[] = {
	{.name = API_ADD_TUNNEL, .change = change_add_tunnel, .read_by_settings = true},
	{.name = API_DEL_TUNNEL, .change = change_del_tunnel, .argument = {{"name", JSON_STRING}}},
	{.name = API_ADD_SA, .change = change_add_sa, .read_by_settings = true},
	{.name = API_REKEY_SA, .change = change_rekey_sa, .read_by_settings = true},
	{.name = API_UPDATE_SA,
		.change = change_update_sa,
		.argument = {SA_NAMED, {"local", JSON_STRING}, {"remote", JSON_STRING}}},
	{.name = API_DEL_SA, .change = change_del_sa, .argument = {SA_NAMED}},
	{.name = API_ADD_POLICY, .change = change_add_policy, .read_by_settings = true},
	{.name = API_DEL_POLICY, .change = change_del_policy, .argument = {{"name", JSON_STRING}}},
	{.name = API_ALLOC_SPI,
		.change = change_alloc_spi,
		.looks = true,
		.argument = {{"protocol", JSON_STRING}}},
	{.name = API_FLUSH,
		.change = change_flush,
		.argument = {{"what", JSON_STRING}, {"owner", JSON_STRING}}},
	{.name = API_KEY_REGISTER,
		.about = key_register,
		.argument = {{"journal", JSON_STRING}, {"fingerprints", JSON_ARRAY}}},
	{.name = API_RELOAD, .change = change_reload},
	{.name = API_PROFILE_ON, .handle = profile_on},
	{.name = API_PROFILE_OFF, .handle = profile_off},
	{.name = API_CAPTURE_START,
		.about = capture_start,
		.argument = {{"points", JSON_ARRAY}, {"filter", JSON_ARRAY},
			{"count", JSON_INTEGER}, {"snap", JSON_INTEGER}}},
	{.name = API_CAPTURE_READ, .handle = capture_read, .argument = {{"capture", JSON_INTEGER}}},
	{.name = API_CAPTURE_STOP, .handle = capture_stop, .argument = {{"capture", JSON_INTEGER}}},
	{.name = API_REVEAL_KEYS, .about = reveal_keys, .argument = SHOW_SAS_ARGUMENTS},
	{.name = API_BEGIN, .about = session_batch_begin},
	{.name = API_COMMIT, .about = session_batch_commit},
	{.name = API_ABORT, .about = session_batch_abort},
};
const struct request_table request_table_admin = {
	.n = sizeof(admin_rows) / sizeof(admin_rows[0]),
	.request = admin_rows,
	.more = &request_table_read,
};
