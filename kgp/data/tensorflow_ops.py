"""The functions of keras.ops that normalising takes, of TensorFlow: tf.data is TensorFlow whatever
Keras runs on.
"""

import tensorflow as tf

cast = tf.cast
clip = tf.clip_by_value
max = tf.reduce_max
maximum = tf.maximum
mean = tf.reduce_mean
min = tf.reduce_min
moveaxis = tf.experimental.numpy.moveaxis
ones_like = tf.ones_like
reshape = tf.reshape
sqrt = tf.sqrt
square = tf.square
sum = tf.reduce_sum
top_k = tf.math.top_k
where = tf.where
zeros_like = tf.zeros_like
