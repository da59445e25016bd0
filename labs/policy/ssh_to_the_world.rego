# Nobody but those who need it reaches port 22, over IPv4 or IPv6.
package innkeeper.ssh_to_the_world

import data.lib.addresses

# What becomes of a resource is looked up where it is needed: a name for it, or for all of them, would copy it each time.
# An opening is the address of what lets somebody in, and the network that reaches port 22 through it.
openings := array.concat(groups, array.concat(rules, array.concat(vpc_rules, array.concat(firewalls, lists))))

groups := [opening |
	some type in ["aws_security_group", "aws_default_security_group"]
	some at in input.plan.by_type[type]
	some rule in addresses.listed(input.plan.resource_changes[at].change.after.ingress)
	opens(rule)
	some key in ["cidr_blocks", "ipv6_cidr_blocks"]
	some network in reached(rule, key)
	opening := {"address": input.plan.resource_changes[at].address, "network": network}
]

rules := [opening |
	some at in input.plan.by_type.aws_security_group_rule
	rule := input.plan.resource_changes[at].change.after
	rule.type != "egress"
	opens(rule)
	some key in ["cidr_blocks", "ipv6_cidr_blocks"]
	some network in reached(rule, key)
	opening := {"address": input.plan.resource_changes[at].address, "network": network}
]

vpc_rules := [opening |
	some at in input.plan.by_type.aws_vpc_security_group_ingress_rule
	rule := input.plan.resource_changes[at].change.after
	addresses.is_ssh(object.get(rule, "from_port", 0), object.get(rule, "to_port", 65535), rule.ip_protocol)
	some key in ["cidr_ipv4", "cidr_ipv6"]
	network := rule[key]
	opening := {"address": input.plan.resource_changes[at].address, "network": network}
]

firewalls := [opening |
	some at in input.plan.by_type.digitalocean_firewall
	some rule in addresses.listed(input.plan.resource_changes[at].change.after.inbound_rule)
	opens_firewall(rule)
	some network in reached(rule, "source_addresses")
	opening := {"address": input.plan.resource_changes[at].address, "network": network}
]

# A list of networks that a rule, of this plan or of a later one, names by its id.
lists := [opening |
	some at in input.plan.by_type.aws_ec2_managed_prefix_list
	some entry in addresses.listed(input.plan.resource_changes[at].change.after.entry)
	network := object.get(entry, "cidr", addresses.unknown)
	opening := {"address": input.plan.resource_changes[at].address, "network": network}
]

# Most openings are for the same few networks.
judged := {network: judgement |
	some network in {opening.network | some opening in openings}
	judgement := addresses.judged(network)
}

opens(rule) if {
	rule == addresses.unknown
}

opens(rule) if {
	addresses.is_ssh(object.get(rule, "from_port", 0), object.get(rule, "to_port", 65535), rule.protocol)
}

opens_firewall(rule) if {
	rule == addresses.unknown
}

opens_firewall(rule) if {
	not rule.protocol in ["udp", "icmp"]
	addresses.has_ssh(object.get(rule, "port_range", "all"))
}

# Whom a rule lets in; of a rule that is not known itself, nobody knows.
reached(rule, key) := [addresses.unknown] if {
	rule == addresses.unknown
	key != "ipv6_cidr_blocks"
}

reached(rule, key) := addresses.listed(rule[key]) if {
	is_object(rule)
}

worldwide := [{"msg": msg, "address": opening.address} |
	some opening in openings
	judged[opening.network] == "world"
	msg := sprintf("%s opens ssh to the world: %s.", [opening.address, opening.network])
]

untold := [{"msg": msg, "address": opening.address, "overridable": true} |
	some opening in openings
	judged[opening.network] == "unknown"
	msg := sprintf("There is no telling yet to whom %s opens ssh.", [opening.address])
]

# A droplet without a firewall is reached on every port.
unguarded := [{"msg": msg, "address": input.plan.resource_changes[at].address, "overridable": true} |
	count([at | some at in input.plan.by_type.digitalocean_firewall; input.plan.resource_changes[at].change.after]) == 0
	some at in input.plan.by_type.digitalocean_droplet
	input.plan.resource_changes[at].change.after
	msg := sprintf("%s has no firewall beside it, so ssh is open to the world.", [input.plan.resource_changes[at].address])
]

deny := array.concat(worldwide, array.concat(untold, unguarded))

warn := [{"msg": msg, "address": opening.address} |
	some opening in openings
	judged[opening.network] == "wide"
	msg := sprintf("%s opens ssh to %s.", [opening.address, opening.network])
]
