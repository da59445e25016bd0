variable "lab" {
  type        = string
  description = "Name of the lab; what is made is named after it."
}

variable "owner" {
  type        = string
  description = "Who asked for the lab: the key of their operator document, such as T1-U1."
}

variable "trusted_ssh_keys" {
  type        = list(string)
  description = "Public keys of all trusted operators. They may log in as `lab`."
}

variable "ssh_ca_public_key" {
  type        = string
  default     = ""
  description = "The ssh CA whose user certificates are trusted. Empty: none."
}

variable "krl_public_key" {
  type        = string
  default     = ""
  description = "Who signs the list of revoked certificates: an ed25519 key, PEM. Empty: no certificate is trusted."
}

variable "innkeeper_url" {
  type        = string
  default     = ""
  description = "Where the host fetches that list, at /ssh/krl. Empty: no certificate is trusted."
}

variable "active_url" {
  type        = string
  default     = ""
  description = "Where the host reports that somebody is logged in. Empty: it does not."
}

variable "active_token" {
  type        = string
  default     = ""
  sensitive   = true
  description = "What it shows there."
}

variable "size" {
  type        = string
  default     = "small"
  description = "small is 1 GB of memory, large is 4 GB."
}

variable "region" {
  type        = string
  default     = "fra1"
  description = "Where the server stands."
}

variable "ssh_from" {
  type        = list(string)
  description = "Networks that may reach ssh, in CIDR notation."

  validation {
    condition     = length(var.ssh_from) > 0 && alltrue([for each in var.ssh_from : can(cidrhost(each, 0))])
    error_message = "ssh_from is a list of networks such as 203.0.113.0/24."
  }
}

variable "web_from" {
  type        = list(string)
  default     = []
  description = "Further networks that may see the page, in CIDR notation. Those of ssh_from may anyway."

  validation {
    condition     = alltrue([for each in var.web_from : can(cidrhost(each, 0))])
    error_message = "web_from is a list of networks such as 203.0.113.0/24."
  }
}
