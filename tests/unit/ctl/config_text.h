// Pieces of configurations that are right.
#pragma once

#define PORTS                                                                          \
	"ports = ( { name = \"lan\"; side = \"protected\"; vdev = \"net_null0\"; },\n" \
	"{ name = \"wan\"; side = \"unprotected\"; vdev = \"net_null1\"; } );\n"
// To be ended with a brace.
#define TUNNEL(name, local, remote)                                               \
	"{ name = \"" name "\"; local = \"" local "\"; remote = \"" remote "\"; " \
	"port = \"wan\"; "
#define TUNNEL_B TUNNEL("b", "192.0.2.1", "192.0.2.2")
#define SA(protocol, spi, key)                                                        \
	"{ protocol = \"" protocol "\"; spi = " spi "; algorithm = \"aes-256-gcm\"; " \
	"manual_keys = \"fresh-each-start\"; key_file = \"" key "\"; }"
