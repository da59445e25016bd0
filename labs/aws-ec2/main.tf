# One server with a public address in a network of its own, reached by ssh and http from the networks that were asked for.
# The keys come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY).

terraform {
  required_version = ">= 1.4"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region = var.region

  # Everything is tagged after its lab, so that it can be found when a state is lost.
  default_tags {
    tags = {
      Name      = var.lab
      lab       = var.lab
      owner     = var.owner
      managed   = "innkeeper"
      terraform = "true"
    }
  }
}

locals {
  types = { small = "t3.micro", large = "t3.large" }

  # EC2 takes no others. cloud-init brings all keys of the operators, whatever they are.
  pairable = [for key in var.trusted_ssh_keys : key if startswith(key, "ssh-ed25519 ") || startswith(key, "ssh-rsa ")]
}

data "aws_ami" "ubuntu" {
  owners      = ["099720109477"] # Canonical
  most_recent = true

  filter {
    name   = "name"
    values = ["ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"]
  }
}

resource "aws_vpc" "lab" {
  cidr_block           = "10.77.0.0/24"
  enable_dns_hostnames = true
}

resource "aws_internet_gateway" "lab" {
  vpc_id = aws_vpc.lab.id
}

resource "aws_subnet" "lab" {
  vpc_id                  = aws_vpc.lab.id
  cidr_block              = aws_vpc.lab.cidr_block
  map_public_ip_on_launch = true
}

resource "aws_route_table" "lab" {
  vpc_id = aws_vpc.lab.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.lab.id
  }
}

resource "aws_route_table_association" "lab" {
  subnet_id      = aws_subnet.lab.id
  route_table_id = aws_route_table.lab.id
}

resource "aws_security_group" "host" {
  name        = var.lab
  description = "ssh and http from the networks that were asked for"
  vpc_id      = aws_vpc.lab.id

  ingress {
    description = "ssh"
    protocol    = "tcp"
    from_port   = 22
    to_port     = 22
    cidr_blocks = var.ssh_from
  }

  ingress {
    description = "http"
    protocol    = "tcp"
    from_port   = 80
    to_port     = 80
    cidr_blocks = distinct(concat(var.ssh_from, var.web_from))
  }

  egress {
    description = "anywhere"
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

# As EC2 has one: for whoever looks there who may log in without a certificate.
resource "aws_key_pair" "operator" {
  count      = length(local.pairable) > 0 ? 1 : 0
  key_name   = var.lab
  public_key = local.pairable[0]

  lifecycle {
    ignore_changes = [public_key] # as below
  }
}

resource "aws_instance" "host" {
  ami                    = data.aws_ami.ubuntu.id
  instance_type          = local.types[var.size]
  key_name               = one(aws_key_pair.operator[*].key_name)
  subnet_id              = aws_subnet.lab.id
  vpc_security_group_ids = [aws_security_group.host.id]
  user_data              = "#cloud-config\n${yamlencode(local.cloud_config)}"

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 16
    encrypted   = true
  }

  lifecycle {
    # Read at the first start only. Another operator must not cost a lab its server: keys change by certificate.
    ignore_changes = [user_data, key_name, ami]
  }

  # Without the route nobody would reach it.
  depends_on = [aws_route_table_association.lab]
}

output "hosts" {
  value = { (var.lab) = aws_instance.host.public_ip }
}

output "address" {
  value = aws_instance.host.public_ip
}

output "url" {
  value = "http://${aws_instance.host.public_ip}/"
}

output "login" {
  value = "ssh ubuntu@${aws_instance.host.public_ip}"
}
