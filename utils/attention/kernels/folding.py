"""The algebra that spares additive attention its tanh: exact, not an approximation.

score = Σ_h w_h tanh(q_h + k_h), with tanh(a + b) = 1 - 2 / (1 + e^{2a} e^{2b}).

1. E_q = e^{2q} and E_k = e^{2k} are taken once per query and once per key: (Tq + Tk) A exponentials instead of
   Tq Tk A tanhs. Per pair and channel only multiplying, adding and dividing are left.
2. w tanh(x) = |w| tanh(sign x): the sign goes into q and k, and 1/|w| into the denominator,
   d_h = (1 + E_q E_k)/|w_h|. Then score = Σ|w_h| - 2 Σ_h 1/d_h, and Σ|w_h| is the same for every key, so the
   softmax does not see it.
3. Fractions share one division: 1/d_0 + 1/d_1 = (d_0 + d_1) / (d_0 d_1), and so on for four.
4. Backward, with r = 1/(1 + E_q E_k): ∂tanh = 4 (r - r²), and the gradients of different channels do not mix.

The weak spot: where inputs are small, r is near 1/2, and the gradient of w, Σ s (1 - 2r), loses digits. For
inputs of size x it is good to about 1e-7 / x.

e^{2q} alone overflows where tanh(q + k) is harmless, so each channel of the keys is moved to the middle of its
range and the queries the other way. That is exact as long as a channel's keys lie within ±REACH of the middle.
"""

REACH = 34.0  # e^{±2·34} and e^{±2·QUERY_REACH} are finite in float32
QUERY_REACH = 43.5  # a query further out meets keys within REACH where tanh is ±1 to 1e-8: it may be clipped
STEP = 16.0  # shifts are multiples of it, so that ordinary inputs are not shifted and lose no digit
