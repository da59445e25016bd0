# Which networks are the world, and which ports are ssh.
package lib.addresses

# How Innkeeper writes what Terraform does not know before it is made.
unknown := "(known after apply)"

# What a list holds. Of a list that is not known: one thing that is not known.
listed(value) := value if {
	is_array(value)
}

listed(value) := [unknown] if {
	is_string(value)
}

# What there is to say of a network; of most there is nothing, and then this is undefined.
judged(network) := "unknown" if {
	not regex.match(`^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$`, network)
}

# Half of the world is the world: 0.0.0.0/1 and 128.0.0.0/1 together are all of it.
judged(network) := "world" if {
	prefix(network) < whole(network)
}

judged(network) := "wide" if {
	prefix(network) >= whole(network)
	prefix(network) < 2 * whole(network)
}

# The length of a prefix. An address without one is a single host, and is not judged.
prefix(network) := to_number(split(network, "/")[1]) if {
	regex.match(`^[0-9A-Fa-f:.]+/[0-9]{1,3}$`, network)
}

whole(network) := 16 if {
	contains(network, ":")
}

whole(network) := 8 if {
	not contains(network, ":")
}

without_ports := ["udp", "17", "icmp", "1", "icmpv6", "58"]

# Port 22 over tcp is within. What is not known may be.
is_ssh(_, _, protocol) if {
	protocol in ["-1", "all"]
}

is_ssh(from, to, protocol) if {
	not protocol in without_ports
	is_number(from)
	is_number(to)
	from <= 22
	to >= 22
}

is_ssh(from, _, protocol) if {
	not protocol in without_ports
	not is_number(from)
}

is_ssh(_, to, protocol) if {
	not protocol in without_ports
	not is_number(to)
}

# DigitalOcean writes ports as `22`, `20-30` or `all`.
has_ssh(ports) if {
	ports in ["", "0", "22", "all"]
}

has_ssh(ports) if {
	regex.match(`^[0-9]+-[0-9]+$`, ports)
	ends := split(ports, "-")
	to_number(ends[0]) <= 22
	to_number(ends[1]) >= 22
}

has_ssh(ports) if {
	not regex.match(`^([0-9]+(-[0-9]+)?|all)?$`, ports)
}
