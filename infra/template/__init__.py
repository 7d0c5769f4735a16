"""What Chalice does not know of, merged into its template (`chalice package --merge-template`).

The files beside this one are CloudFormation; what every queue and every log has alike is made by
`queues` and `logs`. Chalice adds the functions, their roles (.chalice/policy-*.json) and the API.

Kept to what CloudFormation, LocalStack and the embedded cloud all understand.
"""
