// The control socket's language: one JSON object a line in each direction. A request is
//   {"vped": 1, "id": ANY, "request": "show-sa", "arguments": {...}}
// and its answer
//   {"vped": 1, "id": SAME, "result": {...}}   or   {"vped": 1, "id": SAME, "error": {"text":
//   "..."}}
// where "id" and "arguments" may be left out. Shared by the daemon and vpectl.
#pragma once

#define API_VERSION 1
#define API_LINE_MAX 65536			 // octets of a request, newline included
#define API_SOCKET_DEFAULT "/run/vped/vped.sock" // answers
#define API_ADMIN_SOCKET_DEFAULT "/run/vped/vped-admin.sock" // and changes

#define API_SHOW_STATS "show-stats"
#define API_SHOW_SA "show-sa"
#define API_SHOW_POLICY "show-policy"
#define API_SHOW_TUNNELS "show-tunnels"
#define API_SHOW_PORTS "show-ports"
#define API_SHOW_WORKERS "show-workers"
#define API_SHOW_EVENTS "show-events"
#define API_HELLO "hello"
#define API_MONITOR "monitor"
#define API_ADD_TUNNEL "add-tunnel"
#define API_DEL_TUNNEL "del-tunnel"
#define API_ADD_SA "add-sa"
#define API_REKEY_SA "rekey-sa"
#define API_UPDATE_SA "update-sa"
#define API_DEL_SA "del-sa"
#define API_ADD_POLICY "add-policy"
#define API_DEL_POLICY "del-policy"
#define API_ALLOC_SPI "alloc-spi"
#define API_FLUSH "flush"
#define API_RELOAD "reload"
#define API_KEY_REGISTER "key-register"
#define API_KEYS_MAX 1024 // of one key-register
#define API_BEGIN "begin"
#define API_COMMIT "commit"
#define API_ABORT "abort"
#define API_CAPTURE_START "capture-start"
#define API_CAPTURE_READ "capture-read"
#define API_CAPTURE_STOP "capture-stop"
#define API_REVEAL_KEYS "reveal-keys"
#define API_PROFILE_SHOW "profile-show"
#define API_PROFILE_ON "profile-on"
#define API_PROFILE_OFF "profile-off"

// The host guard, which outlives the daemon: vpectl asks the kernel for it, not the socket. Two
// tables of one name; in the one of family inet, chains "forward", "arrive" and "output", one of
// policies for each daemon, and its parts, and these sets of interfaces; in the one of family
// netdev, two chains for each device.
#define HOST_GUARD_TABLE "vped"
#define HOST_GUARD_FORWARD "no_forward"		// host interfaces and devices
#define HOST_GUARD_INTERFACES "host_interfaces" // a second record, by which a lack shows
#define HOST_GUARD_DEVICES "port_devices"	// what ports are made of
#define HOST_GUARD_INDEXES "port_indexes"	// the same, whatever name they get
#define HOST_GUARD_POLICIES "policies-"		// and the name of a daemon's first interface
#define HOST_GUARD_POLICIES_END "%u drop, %u pass, %u jump" // comment of the chain's last rule
#define HOST_GUARD_INGRESS "ingress-"			    // and the device's name
#define HOST_GUARD_EGRESS "egress-"
#define HOST_GUARD_MARK 0x76706564 // of what the daemon's own sockets send
