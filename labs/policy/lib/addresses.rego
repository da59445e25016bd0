# Which networks are the world, and which ports are ssh.
package lib.addresses

# How Innkeeper writes what Terraform does not know before it is made.
unknown := "(known after apply)"

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

# With these the ports do not count, or it is not known yet which protocol it is.
with_every_port := ["-1", "all", unknown]

# A rule that does not let anybody reach port 22 over tcp. What is not known may.
is_closed(_, protocol) if {
	protocol in without_ports
}

is_closed(rule, protocol) if {
	is_number(rule.from_port)
	rule.from_port > 22
	not protocol in with_every_port
}

is_closed(rule, protocol) if {
	is_number(rule.to_port)
	rule.to_port < 22
	not protocol in with_every_port
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
