package let jouledVersion = "0.1.0"
