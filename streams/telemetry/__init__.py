"""Operations of workers and gateways: metrics, health, readiness, stalls and logs."""
