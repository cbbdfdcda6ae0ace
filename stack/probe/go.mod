module pitboss.invalid/probe

go 1.24
