-- Vector Packet Encapsulation (VPE) for Wireshark 3.6 and later, from docs/vpe-protocol.md. Put it
-- into the folder of personal Lua plugins (Help, About, Folders), or:
--
--     tshark -X lua_script:config/wireshark/vpe.lua -r FILE -Y vpe
--
-- IP protocol 50 is ESP's too: VPE is what section 7 says, the rest goes to Wireshark's own ESP.
-- Nonzero Sender IDs that SAs accept are a preference. Nothing is decrypted.

local vpe = Proto("vpe", "Vector Packet Encapsulation")

local IP_PROTOCOL = 50
local UDP_PORT = 14500
local HEADER = 32
local SEQUENCE_MAX = UInt64(0xffffffff, 0xffffffff)

local f = {
    sender = ProtoField.uint16("vpe.sender", "Sender ID", base.DEC, nil, nil,
        "Who counts"),
    window = ProtoField.uint16("vpe.window", "Window ID", base.DEC, nil, nil,
        "Which of the sender's counters"),
    sequence = ProtoField.uint64("vpe.sequence", "Sequence Number", base.DEC),
    spi = ProtoField.uint32("vpe.spi", "SPI", base.HEX, nil, nil, "Not authenticated"),
    icv = ProtoField.bytes("vpe.icv", "Integrity Check Value"),
    ciphertext = ProtoField.bytes("vpe.ciphertext", "Ciphertext"),
    length = ProtoField.uint32("vpe.ciphertext.length", "Ciphertext length", base.DEC),
    keepalive = ProtoField.bool("vpe.keepalive", "NAT keepalive"),
}
vpe.fields = f

local e = {
    runt = ProtoExpert.new("vpe.runt", "Payload under 33 octets", expert.group.MALFORMED,
        expert.severity.ERROR),
    id_zero = ProtoExpert.new("vpe.id_zero", "ID word is zero", expert.group.PROTOCOL,
        expert.severity.ERROR),
    seq_zero = ProtoExpert.new("vpe.seq_zero", "Sequence number is zero", expert.group.PROTOCOL,
        expert.severity.ERROR),
    seq_max = ProtoExpert.new("vpe.seq_max", "Sequence number is 2^64-1", expert.group.PROTOCOL,
        expert.severity.ERROR),
}
vpe.experts = e

vpe.prefs.senders = Pref.string("Sender IDs under IP protocol 50", "",
    "Sender IDs beside 0 that SAs accept, separated by commas, as 7,0x0102")

local accepted = {}

local function read_senders()
    accepted = { [0] = true }
    for word in vpe.prefs.senders:gmatch("[^,%s]+") do
        local sender = tonumber(word)
        if sender then
            accepted[sender] = true
        end
    end
end

function vpe.prefs_changed()
    read_senders()
end

local function judge(tree, buffer, sequence)
    if buffer(0, 4):le_uint() == 0 then
        tree:add_proto_expert_info(e.id_zero)
    end
    if sequence == UInt64(0, 0) then
        tree:add_proto_expert_info(e.seq_zero)
    elseif sequence == SEQUENCE_MAX then
        tree:add_proto_expert_info(e.seq_max)
    end
end

function vpe.dissector(buffer, pinfo, root)
    local octets = buffer:len()
    local tree = root:add(vpe, buffer())

    pinfo.cols.protocol = "VPE"
    if octets <= HEADER then
        tree:add_proto_expert_info(e.runt)
        pinfo.cols.info = "Runt of " .. octets .. " octets"
        return octets
    end
    local sender, window = buffer(0, 2):le_uint(), buffer(2, 2):le_uint()
    local sequence, spi = buffer(4, 8):le_uint64(), buffer(12, 4):le_uint()

    tree:add_le(f.sender, buffer(0, 2))
    tree:add_le(f.window, buffer(2, 2))
    tree:add_le(f.sequence, buffer(4, 8))
    tree:add_le(f.spi, buffer(12, 4))
    tree:add(f.icv, buffer(16, 16))
    tree:add(f.ciphertext, buffer(HEADER))
    tree:add(f.length, octets - HEADER):set_generated()
    tree:append_text(string.format(", SPI 0x%08x, Window %d:%d, Seq %s", spi, sender, window,
        tostring(sequence)))
    judge(tree, buffer, sequence)
    pinfo.cols.info = string.format("VPE (SPI=0x%08x Window=%d:%d Seq=%s)", spi, sender, window,
        tostring(sequence))
    return octets
end

-- Under protocol 50 the first 16 bits are the Sender ID or the upper half of ESP's SPI.
local by_value = Proto("vpe_or_esp", "VPE or ESP, by value")
local esp = Dissector.get("esp")

function by_value.dissector(buffer, pinfo, root)
    if buffer:len() >= 4 and accepted[buffer(0, 2):le_uint()] then
        return vpe.dissector(buffer, pinfo, root)
    end
    return esp:call(buffer, pinfo, root)
end

-- A single octet 0xff keeps a NAT's entry alive.
local in_udp = Proto("vpe_udp", "VPE in UDP")

function in_udp.dissector(buffer, pinfo, root)
    if buffer:len() == 1 and buffer(0, 1):uint() == 0xff then
        root:add(vpe, buffer()):add(f.keepalive, buffer(0, 1), true)
        pinfo.cols.protocol = "VPE"
        pinfo.cols.info = "NAT keepalive"
        return 1
    end
    return vpe.dissector(buffer, pinfo, root)
end

read_senders()
DissectorTable.get("ip.proto"):add(IP_PROTOCOL, by_value)
DissectorTable.get("udp.port"):add(UDP_PORT, in_udp)
